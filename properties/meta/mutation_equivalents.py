"""Mutants that no program can tell from the module as it is, each with the reason."""

_LINT = " # pylint:disable=g-explicit-length-test"
_CALLABLE = f"return (len(callable_leaves) {{}} 0) and all(callable_leaves){_LINT}"
_PARTS = "optax.transforms._combining: if len(update_fns) != len(state): → "
_NAMES = "optax.transforms._combining: if len(names) != len(set(names)): → "
_SMALL = "CPython has one object for each small integer"

EQUIVALENT: dict[str, str] = {
    f"optax.transforms._masking: {_CALLABLE.format('>')} → {_CALLABLE.format('!=')}": (
        "no length is negative"
    ),
    f"{_PARTS}if len(update_fns) is not len(state):": _SMALL,
    f"{_NAMES}if len(names) > len(set(names)):": "a set has no more members than its list",
    f"{_NAMES}if len(names) is not len(set(names)):": _SMALL,
}
