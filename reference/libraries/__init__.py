"""Real libraries under test, each by a recipe of its own documentation, and what was found.

They are no part of the suite's own subjects: `pip install frostproof[libraries]` brings what they
import, and `python -m frostproof.reports.libraries` judges them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Validation:
    """A recipe of a library: what to judge, and why each law that refutes it does."""

    #: Module and name below this package.
    target: str
    #: What it is called in the table.
    recipe: str
    #: The distribution that offers it.
    library: str
    #: Of each law that refutes it: the cause, one sentence, looked into and not guessed.
    causes: Mapping[str, str] = field(default_factory=dict)
    #: A script in `upstream/` that shows its maintainers what is wrong, where they are at fault.
    upstream: str | None = None

    def matches(self, glob: str) -> bool:
        """Tell whether a glob fits its target."""
        return fnmatchcase(self.target, glob)


VALIDATIONS = (
    Validation("optax_freezing:freeze_behind", "`chain(optimizer, freeze(mask))`", "optax"),
    Validation("optax_freezing:freeze_before", "`chain(freeze(mask), optimizer)`", "optax"),
    Validation("optax_freezing:selective_transform", "`selective_transform`", "optax"),
    Validation("optax_freezing:multi_transform", "`multi_transform` with `set_to_zero`", "optax"),
    Validation("optax_freezing:masked", "`masked` alone", "optax"),
    Validation("optax_freezing:masked_and_set_to_zero", "`masked` and `set_to_zero`", "optax"),
    Validation("flax_linen:train_state", "`TrainState`, transfer-learning guide", "flax"),
    Validation("flax_nnx:wrt_filter", "`nnx.Optimizer(wrt=…)`, all gradients", "flax"),
    Validation("flax_nnx:diff_state", "`nnx.DiffState` and `wrt=…`", "flax"),
    Validation("flax_nnx:lora", "`nnx.LoRAParam`, optimization cookbook", "flax"),
    Validation("flax_nnx:parameter_surgery", "parameter surgery, as the example has it", "flax"),
    Validation("flax_nnx:parameter_surgery_as_meant", "the same, as its comment says", "flax"),
    Validation("keras_trainable:stateless", "`trainable = False`, `stateless_apply`", "keras"),
    Validation("keras_trainable:fit", "`trainable = False`, `train_on_batch`", "keras"),
    Validation("equinox_partition:as_in_the_example", "`partition`, its example", "equinox"),
    Validation("equinox_partition:all_arrays", "`partition`, other optimizers", "equinox"),
    Validation("equinox_partition:trainable_half", "`partition`, also in the optimizer", "equinox"),
    Validation("haiku_partition:partition", "`data_structures.partition`", "dm-haiku"),
)
