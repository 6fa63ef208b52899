"""The recipes that are judged beside the suite, and before them the causes of their faults."""

from .recipe import STAYING, Validation, because

_SPECIAL = because(
    "a zero is added to the leaf, operation by operation: −0.0 + 0.0 is +0.0, and a subnormal is "
    "flushed. Compiled as a whole, both stay.",
    "frozen-special-weights",
)
_BEHIND = (
    _SPECIAL,
    because(
        "the optimizer in front sees all gradients, and clips by the norm of them all.",
        "trains-as-if-alone",
        "frozen-gradients-do-not-leak",
    ),
    because(
        "the optimizer in front keeps moments for frozen leaves, too.", "frozen-optimizer-state"
    ),
)
_BEFORE = (
    because(
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
    because(
        "one NaN among the trainable gradients makes their global norm NaN, and 0 · NaN is NaN.",
        "frozen-under-coupled-overflow",
    ),
)
_MASKED = because(
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
_SURGERY = because(
    "the filter selects `'backbone' in path`, and the comment above it what is not part of the "
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
_NONE = because(
    "the gradient of a frozen leaf is None, at which Optax's adam, adamw, lamb, lion and adagrad "
    "raise; sgd and rmsprop do not.",
    "training-runs",
)

_COUNT = because(
    "`inject_hyperparams` takes every callable for a schedule and calls it with the step count; a "
    "rule by path, mapped over a count, is False. In `static_args` it is left alone.",
    "frozen-norm",
    *STAYING,
    "frozen-special-weights",
    "frozen-under-overflow",
    "frozen-under-coupled-overflow",
    "frozen-any-learning-rate",
    "frozen-under-other-optimizers",
    "exact-selection",
    "freeze-everything",
)

HERE = (
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
    Validation(
        "flax_nnx:parameter_surgery_as_meant", "parameter surgery, as its comment says", "flax"
    ),
    Validation("keras_trainable:stateless", "`trainable = False`, `stateless_apply`", "keras"),
    Validation("keras_trainable:fit", "`trainable = False`, `train_on_batch`", "keras"),
    Validation("equinox_partition:as_in_the_example", "`partition`, its example", "equinox"),
    Validation(
        "equinox_partition:all_arrays",
        "`partition`, with other optimizers",
        "equinox",
        (
            _NONE,
            because(
                "momentum begins with a trace of every array, and has None for frozen ones after "
                "a step: no checkpoint of it fits a training that begins anew.",
                "restored-equals-saved",
            ),
        ),
        upstream="optax_adam_none.py",
        since="optax 0.1.5; 0.1.4 does not run with jax 0.10.2",
        fault_of="optax",
    ),
    Validation("equinox_partition:trainable_half", "`partition`, also in the optimizer", "equinox"),
    Validation("haiku_partition:partition", "`data_structures.partition`", "dm-haiku"),
    Validation(
        "optax_callable_masks:injected",
        "`freeze(rule)` under `inject_hyperparams`",
        "optax",
        (_COUNT, *_BEHIND[1:]),
        upstream="optax_inject_hyperparams.py",
        since="0.2.6, which brought `freeze`",
    ),
    Validation(
        "optax_callable_masks:injected_as_static",
        "`freeze(rule)` with `static_args`",
        "optax",
        _BEHIND,
    ),
    Validation(
        "optax_callable_masks:selective_transform",
        "`selective_transform` with a rule",
        "optax",
        (
            because(
                "a mask that is a function counts as True: all is frozen, and nothing trains.",
                "trainable-moves",
                "exact-selection",
                "freeze-nothing",
            ),
            _SPECIAL,
        ),
        upstream="optax_selective_transform.py",
        since="0.2.6, which brought it",
    ),
    Validation(
        "keras_flags:exchanged",
        "two equal layers take turns",
        "keras",
        (
            because(
                "the step was compiled for lists of values by position; filled by the flags of "
                "now, they exchange the weights of layers of one shape.",
                "loss-is-mse",
                "loss-before-step",
            ),
        ),
        upstream="keras_exchanged_layers.py",
    ),
    Validation(
        "keras_flags:compiled_again", "two equal layers take turns, compiled again", "keras"
    ),
    Validation(
        "keras_flags:lora_after_a_rest",
        "`enable_lora`, then `trainable` False and True",
        "keras",
        (
            because(
                "the setter of `trainable` overwrites the flag by which `enable_lora` froze the "
                "kernel.",
                *STAYING,
                "frozen-norm",
                "frozen-special-weights",
                "frozen-under-coupled-overflow",
            ),
        ),
        upstream="keras_lora_thaws.py",
    ),
    Validation("keras_flags:lora", "`enable_lora`", "keras"),
)
