"""Mutants that no program can tell from the module as it is, each with the reason."""

_LINT = " # pylint:disable=g-explicit-length-test"
_CALLABLE = f"return (len(callable_leaves) {{}} 0) and all(callable_leaves){_LINT}"
_PARTS = "optax.transforms._combining: if len(update_fns) != len(state): → "
_NAMES = "optax.transforms._combining: if len(names) != len(set(names)): → "
_SMALL = "CPython has one object for each small integer"
_EAGER = "the same values, operation by operation: it is only slower"
_COLUMN = "the prediction has two axes, and the last is of one column"
_SQUEEZED = (
    "frostproof.reference.linen: return jnp.mean((prediction.squeeze(-1) - y) ** 2) → "
    "return jnp.mean((prediction.squeeze({}) - y) ** 2)"
)
_EVENT = 'if event {} "return" or self.found or not self.updates:'
_ZEROED = "return jnp.zeros_like(gradient) if path[0].key {} FROZEN else gradient"
_NAMED = f"frostproof.reference.nnx: {_ZEROED.format('==')} → {{}}"

_UNDONE = "frostproof.reference.observation.undone_updates"
_TRAINERS = "frostproof.reference.correct.trainers"
EQUIVALENT: dict[str, str] = {
    f"optax.transforms._masking: {_CALLABLE.format('>')} → {_CALLABLE.format('!=')}": (
        "no length is negative"
    ),
    f"{_PARTS}if len(update_fns) is not len(state):": _SMALL,
    f"{_NAMES}if len(names) > len(set(names)):": "a set has no more members than its list",
    f"{_NAMES}if len(names) is not len(set(names)):": _SMALL,
    "frostproof.reference.linen: @jax.jit → (nothing)": _EAGER,
    "frostproof.reference.linen: @jax.jit → (nothing) (again)": _EAGER,
    "frostproof.reference.nnx: @jax.jit → (nothing)": _EAGER,
    "frostproof.reference.nnx: @jax.jit → (nothing) (again)": _EAGER,
    _SQUEEZED.format("+1"): _COLUMN,
    _SQUEEZED.format("1"): _COLUMN,
    _NAMED.format(_ZEROED.format("<=")): "there are l1 and l2, and l1 is the frozen one",
    _NAMED.format(_ZEROED.format("is")): "CPython has one object for each name of an attribute",
    f"{_UNDONE}: {_EVENT.format('!=')} → {_EVENT.format('<')}": (
        "of the events that a profile function is told, none sorts behind `return`"
    ),
    f"{_TRAINERS}.linen_techniques: @final → (nothing)": "a word for type checkers",
    f"{_TRAINERS}.nnx_techniques: @final → (nothing)": "a word for type checkers",
}
