"""The recipes that are judged: one table, the causes of their faults before it."""

from . import environments
from .recipe import Cause, Validation


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

_DECAY_LAWS = ("frozen-value", "frozen-bits")
_COUNT = _because(
    "`inject_hyperparams` takes every callable for a schedule and calls it with the step count; a "
    "rule by path, mapped over a count, is False. In `static_args` it is left alone.",
    "frozen-norm",
    *_DECAY_LAWS,
    "frozen-special-weights",
    "frozen-under-overflow",
    "frozen-under-coupled-overflow",
    "frozen-any-learning-rate",
    "frozen-under-other-optimizers",
    "exact-selection",
    "freeze-everything",
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
        (
            _NONE,
            _because(
                "momentum begins with a trace of every array, and has None for frozen ones after "
                "a step: no checkpoint of it fits a training that begins anew.",
                "restored-equals-saved",
            ),
        ),
        upstream="optax_adam_none.py",
    ),
    Validation("equinox_partition:trainable_half", "`partition`, also in the optimizer", "equinox"),
    Validation("haiku_partition:partition", "`data_structures.partition`", "dm-haiku"),
    Validation(
        "optax_callable_masks:injected",
        "`freeze(rule)` under `inject_hyperparams`",
        "optax",
        (_COUNT, *_BEHIND[1:]),
        upstream="optax_inject_hyperparams.py",
    ),
    Validation(
        "optax_callable_masks:injected_as_static", "the same, with `static_args`", "optax", _BEHIND
    ),
    Validation(
        "optax_callable_masks:selective_transform",
        "`selective_transform` with a rule",
        "optax",
        (
            _because(
                "a mask that is a function counts as True: all is frozen, and nothing trains.",
                "trainable-moves",
                "exact-selection",
                "freeze-nothing",
            ),
            _SPECIAL,
        ),
        upstream="optax_selective_transform.py",
    ),
    Validation(
        "keras_flags:exchanged",
        "two equal layers take turns",
        "keras",
        (
            _because(
                "the step was compiled for lists of values by position; filled by the flags of "
                "now, they exchange the weights of layers of one shape.",
                "loss-is-mse",
                "loss-before-step",
            ),
        ),
        upstream="keras_exchanged_layers.py",
    ),
    Validation("keras_flags:compiled_again", "the same, compiled again", "keras"),
    Validation(
        "keras_flags:lora_after_a_rest",
        "`enable_lora`, then `trainable` False and True",
        "keras",
        (
            _because(
                "the setter of `trainable` overwrites the flag by which `enable_lora` froze the "
                "kernel.",
                *_DECAY_LAWS,
                "frozen-norm",
                "frozen-special-weights",
                "frozen-under-coupled-overflow",
            ),
        ),
        upstream="keras_lora_thaws.py",
    ),
    Validation("keras_flags:lora", "`enable_lora`", "keras"),
    Validation(
        "alphagenome_freezing:lora_recipe",
        "LoRA, `freeze_except_lora`",
        "alphagenome-ft",
        (
            _because(
                "`stop_gradient` is mapped over values, outside of any gradient: nothing is "
                "frozen.",
                *_DECAY_LAWS,
                "frozen-optimizer-state",
                "trains-as-if-alone",
                "frozen-gradients-do-not-leak",
            ),
        ),
        upstream="alphagenome_ft_lora.py",
        environment=environments.ALPHAGENOME,
    ),
    Validation(
        "alphagenome_freezing:lora_by_label",
        "the same, by labels of the optimizer",
        "alphagenome-ft",
        environment=environments.ALPHAGENOME,
    ),
    Validation(
        "alphagenome_freezing:heads_clipped",
        "`create_optimizer`, heads only, clipped",
        "alphagenome-ft",
        (
            _because(
                "the clipping stands before the partition: the norm is that of all gradients, "
                "frozen ones included.",
                "frozen-gradients-do-not-leak",
            ),
        ),
        upstream="alphagenome_ft_clipping.py",
        environment=environments.ALPHAGENOME,
    ),
    Validation(
        "alphagenome_freezing:heads_clipped_inside",
        "the same, clipped within the partition",
        "alphagenome-ft",
        environment=environments.ALPHAGENOME,
    ),
    Validation(
        "alphagenome_freezing:heads",
        "`create_optimizer`, heads only",
        "alphagenome-ft",
        environment=environments.ALPHAGENOME,
    ),
    Validation(
        "braintools_registered:registered_layer_by_layer",
        "weights registered layer by layer",
        "braintools",
        (
            _because(
                "the states of a layer are named relative to it, all layers alike; in the dict "
                "that the optimizer hands out the last one replaces the others.",
                "trainable-moves",
            ),
        ),
        upstream="braintools_shared_key.py",
        environment=environments.BRAINTOOLS,
    ),
    Validation(
        "braintools_registered:registered_from_the_root",
        "the same, registered from the root",
        "braintools",
        environment=environments.BRAINTOOLS,
    ),
    Validation(
        "dynamax_trainable:as_documented",
        "`trainable = False`, `fit_sgd`",
        "dynamax",
        (
            _because(
                "frozen parameters, too, are mapped to unconstrained ones and back, which rounds.",
                *_DECAY_LAWS,
            ),
        ),
        upstream="dynamax_round_trip.py",
        environment=environments.DYNAMAX,
    ),
    Validation(
        "dynamax_trainable:put_back",
        "the same, put back after each fit",
        "dynamax",
        environment=environments.DYNAMAX,
    ),
    Validation(
        "dynamax_trainable:left_to_right",
        "a frozen left-to-right chain, put back",
        "dynamax",
        (
            _because(
                "the softmax scales a row by its last entry: a frozen matrix with a zero there "
                "makes the loss and every gradient NaN.",
            ),
        ),
        upstream="dynamax_zeros.py",
        environment=environments.DYNAMAX,
    ),
    Validation(
        "dynamax_trainable:nearly_left_to_right",
        "the same, with 1e-6 for zero",
        "dynamax",
        environment=environments.DYNAMAX,
    ),
    Validation(
        "paramax_non_trainable:gpjax_fit",
        "`non_trainable`, `fit`",
        "gpjax",
        (
            _because(
                "the optimizer sees all arrays, frozen ones with a zero gradient: the decay of "
                "adamw, lamb and lion needs none.",
                *_DECAY_LAWS,
            ),
        ),
        upstream="gpjax_non_trainable.py",
        environment=environments.PARAMAX,
    ),
    Validation(
        "paramax_non_trainable:gpjax_fit_half",
        "the same, divided by `partition`",
        "gpjax",
        environment=environments.PARAMAX,
    ),
    Validation(
        "paramax_non_trainable:flowjax_fit",
        "`non_trainable`, `fit_to_data`",
        "flowjax",
        environment=environments.PARAMAX,
    ),
    Validation(
        "penzai_trainer:as_documented",
        "`StatefulTrainer`, `trainable` in metadata",
        "penzai",
        (
            _because(
                "the optimizer starts from all parameters and is updated by the trainable ones: "
                "every optimizer that keeps moments raises.",
                "training-runs",
            ),
        ),
        upstream="penzai_trainer.py",
        environment=environments.PENZAI,
    ),
    Validation(
        "penzai_trainer:as_constants",
        "the same, frozen by `freeze_params`",
        "penzai",
        environment=environments.PENZAI,
    ),
    Validation(
        "quax_lora:as_in_the_example",
        "`loraify`, all arrays in the optimizer",
        "quax",
        (
            _because(
                "`stop_gradient` leaves a zero gradient, and a decay needs none.",
                *_DECAY_LAWS,
            ),
        ),
        upstream="quax_lora.py",
        environment=environments.QUAX,
    ),
    Validation(
        "quax_lora:trained_half",
        "the same, divided by `partition`",
        "quax",
        environment=environments.QUAX,
    ),
    Validation(
        "transformers_flax:freeze_feature_encoder",
        "`freeze_feature_encoder`, Wav2Vec2",
        "transformers",
        (
            _because(
                "`stop_gradient` leaves a zero gradient, and a decay needs none.",
                *_DECAY_LAWS,
            ),
        ),
        upstream="transformers_flax.py",
        environment=environments.TRANSFORMERS,
    ),
    Validation(
        "transformers_flax:set_to_zero",
        "the same, with `set_to_zero`",
        "transformers",
        environment=environments.TRANSFORMERS,
    ),
    Validation(
        "tunix_lora:projection",
        "distillation into a LoRA student",
        "google-tunix",
        (
            _because(
                "as soon as a model has LoRA weights, these alone are trained: the projection "
                "that the strategy adds stays at random.",
                "trainable-moves",
            ),
        ),
        upstream="tunix_projection.py",
        environment=environments.TUNIX,
    ),
    Validation(
        "tunix_lora:projection_as_adapters",
        "the same, the projection as `LoRAParam`",
        "google-tunix",
        environment=environments.TUNIX,
    ),
    Validation(
        "tunix_lora:qwix_lora",
        "`apply_lora_to_model`, `wrt=nnx.LoRAParam`",
        "qwix",
        environment=environments.TUNIX,
    ),
    Validation(
        "zadapter_mask:as_in_the_docstring",
        "`masked(optimizer, get_adapter_param_mask(params))`",
        "zadapter",
        (
            _because(
                "`masked` hands on what it does not transform: the raw gradient is added.",
                *_DECAY_LAWS,
            ),
            _because(
                "the base moves by its gradients, and the adapter is trained on top of it.",
                "frozen-gradients-do-not-leak",
            ),
        ),
        upstream="zadapter_mask.py",
        environment=environments.ZADAPTER,
    ),
    Validation(
        "zadapter_mask:set_to_zero",
        "the same, with `set_to_zero`",
        "zadapter",
        environment=environments.ZADAPTER,
    ),
    Validation(
        "jax_lorax:wrap_optimizer",
        "`wrap_optimizer`, a LoRA weight",
        "jax-lorax",
        (
            _because(
                "with qax 0.4 the weight under an adapter gets its update.",
                "frozen-value",
            ),
        ),
        upstream="jax_lorax.py",
        environment=environments.LORAX,
        frozen=("adapted/w", "frozen"),
        since="qax 0.4.0; with qax 0.3.1 it stays",
    ),
    Validation(
        "jax_lorax:by_label",
        "the same, by labels of the optimizer",
        "jax-lorax",
        environment=environments.LORAX,
        frozen=("adapted/w", "frozen"),
    ),
    Validation(
        "netket_freezing:freeze_parameters",
        "`nk.nn.freeze_parameters`",
        "netket",
        environment=environments.NETKET,
    ),
    Validation("sepes_mask:tree_mask", "`tree_mask`", "sepes", environment=environments.SEPES),
)
