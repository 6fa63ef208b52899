"""Real libraries under test, each by a recipe of its documentation, and the laws that refute it.

They are not subjects of the suite itself: `pip install 'frostproof[libraries]'` brings what they
import, and `python -m frostproof.reports.libraries` judges them.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Cause:
    """Why laws refute a recipe: a sentence, looked into and not guessed."""

    sentence: str
    laws: tuple[str, ...]


@dataclass(frozen=True)
class Validation:
    """A recipe of a library: what to judge, and why it is refuted where it is."""

    #: Module and name below this package.
    target: str
    #: What it is called in the table.
    recipe: str
    #: The distribution that offers it.
    library: str
    #: Of every law that refutes it.
    causes: tuple[Cause, ...] = ()
    #: A script in `upstream/` that shows its maintainers what is wrong, where they are at fault.
    upstream: str | None = None

    def matches(self, glob: str) -> bool:
        """Tell whether a glob fits its target."""
        return fnmatchcase(self.target, glob)


def _because(sentence: str, *laws: str) -> Cause:
    return Cause(sentence, laws)


_SPECIAL = _because(
    "a zero is added to the leaf, operation by operation: −0.0 + 0.0 is +0.0, and a subnormal is "
    "flushed. Compiled as a whole, both stay.",
    "frozen-special-weights",
)
_BEHIND = (
    _SPECIAL,
    _because(
        "the optimizer in front sees all gradients, and clips by the norm of them all.",
        "trains-as-if-alone",
        "frozen-gradients-do-not-leak",
    ),
    _because(
        "the optimizer in front keeps moments for frozen leaves, too.", "frozen-optimizer-state"
    ),
)
_BEFORE = (
    _because(
        "the decay of adamw, lamb and lion needs no gradient. On which side of an optimizer "
        "`freeze` belongs, its documentation does not say.",
        "frozen-norm",
        "frozen-value",
        "frozen-bits",
        "frozen-under-overflow",
        "frozen-any-learning-rate",
        "frozen-under-other-optimizers",
    ),
    _SPECIAL,
    _because(
        "one NaN among the trainable gradients makes their global norm NaN, and 0 · NaN is NaN.",
        "frozen-under-coupled-overflow",
    ),
)
_MASKED = _because(
    "`masked` hands on what it does not transform, as its documentation says: the raw gradient is "
    "added to frozen leaves. It is not a freeze (google-deepmind/optax#159).",
    "frozen-norm",
    "frozen-value",
    "frozen-bits",
    "frozen-special-weights",
    "frozen-under-overflow",
    "frozen-under-coupled-overflow",
    "frozen-any-learning-rate",
    "frozen-under-other-optimizers",
    "exact-selection",
    "zero-rate-is-identity",
    "freeze-everything",
)
_SURGERY = _because(
    "the filter selects `'backbone' in path`, and the comment above it what is *not* part of the "
    "backbone: the backbone trains, and the new head is frozen.",
    "frozen-norm",
    "frozen-value",
    "frozen-bits",
    "frozen-special-weights",
    "frozen-under-overflow",
    "frozen-under-coupled-overflow",
    "frozen-any-learning-rate",
    "frozen-under-other-optimizers",
    "trainable-moves",
    "frozen-optimizer-state",
)
_NONE = _because(
    "the gradient of a frozen leaf is None, at which Optax's adam, adamw, lamb, lion and adagrad "
    "raise; sgd and rmsprop do not.",
    "training-runs",
)

VALIDATIONS = (
    Validation(
        "optax_freezing:freeze_behind", "`chain(optimizer, freeze(mask))`", "optax", _BEHIND
    ),
    Validation(
        "optax_freezing:freeze_before", "`chain(freeze(mask), optimizer)`", "optax", _BEFORE
    ),
    Validation("optax_freezing:selective_transform", "`selective_transform`", "optax", (_SPECIAL,)),
    Validation(
        "optax_freezing:multi_transform", "`multi_transform`, `set_to_zero`", "optax", (_SPECIAL,)
    ),
    Validation("optax_freezing:masked", "`masked` alone", "optax", (_MASKED,)),
    Validation(
        "optax_freezing:masked_and_set_to_zero", "`masked`, `set_to_zero`", "optax", (_SPECIAL,)
    ),
    Validation("flax_linen:train_state", "`TrainState`, transfer-learning guide", "flax"),
    Validation("flax_nnx:wrt_filter", "`nnx.Optimizer(wrt=…)`, all gradients", "flax"),
    Validation("flax_nnx:diff_state", "`nnx.DiffState` and `wrt=…`", "flax"),
    Validation("flax_nnx:lora", "`nnx.LoRAParam`, optimization cookbook", "flax"),
    Validation(
        "flax_nnx:parameter_surgery",
        "parameter surgery, as the example has it",
        "flax",
        (_SURGERY,),
        upstream="flax_parameter_surgery.py",
    ),
    Validation("flax_nnx:parameter_surgery_as_meant", "the same, as its comment says", "flax"),
    Validation("keras_trainable:stateless", "`trainable = False`, `stateless_apply`", "keras"),
    Validation("keras_trainable:fit", "`trainable = False`, `train_on_batch`", "keras"),
    Validation("equinox_partition:as_in_the_example", "`partition`, its example", "equinox"),
    Validation(
        "equinox_partition:all_arrays",
        "`partition`, with other optimizers",
        "equinox",
        (_NONE,),
        upstream="optax_adam_none.py",
    ),
    Validation("equinox_partition:trainable_half", "`partition`, also in the optimizer", "equinox"),
    Validation("haiku_partition:partition", "`data_structures.partition`", "dm-haiku"),
)
