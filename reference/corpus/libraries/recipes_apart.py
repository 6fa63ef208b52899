"""The recipes that are judged in their own environments: what they need does not go together."""

from . import environments
from .recipe import STAYING, Validation, because

APART = (
    Validation(
        "alphagenome_freezing:lora_recipe",
        "LoRA, `freeze_except_lora`",
        "alphagenome-ft",
        (
            because(
                "`stop_gradient` is mapped over values, outside of any gradient: nothing is "
                "frozen.",
                *STAYING,
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
        "LoRA, by labels of the optimizer",
        "alphagenome-ft",
        environment=environments.ALPHAGENOME,
    ),
    Validation(
        "alphagenome_freezing:heads_clipped",
        "`create_optimizer`, heads only, clipped",
        "alphagenome-ft",
        (
            because(
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
        "`create_optimizer`, clipped within the partition",
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
            because(
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
        "weights registered from the root",
        "braintools",
        environment=environments.BRAINTOOLS,
    ),
    Validation(
        "dynamax_trainable:as_documented",
        "`trainable = False`, `fit_sgd`",
        "dynamax",
        (
            because(
                "frozen parameters, too, are mapped to unconstrained ones and back, which rounds.",
                *STAYING,
            ),
        ),
        upstream="dynamax_round_trip.py",
        since="1.0.2; 1.0.1 does not run with jax 0.10.2",
        environment=environments.DYNAMAX,
    ),
    Validation(
        "dynamax_trainable:put_back",
        "`fit_sgd`, put back after each fit",
        "dynamax",
        environment=environments.DYNAMAX,
    ),
    Validation(
        "dynamax_trainable:left_to_right",
        "a frozen left-to-right chain, put back",
        "dynamax",
        (
            because(
                "the softmax scales a row by its last entry: a frozen matrix with a zero there "
                "makes the loss and every gradient NaN.",
            ),
        ),
        upstream="dynamax_zeros.py",
        environment=environments.DYNAMAX,
    ),
    Validation(
        "dynamax_trainable:nearly_left_to_right",
        "a nearly left-to-right chain, 1e-6 for zero",
        "dynamax",
        environment=environments.DYNAMAX,
    ),
    Validation(
        "paramax_non_trainable:gpjax_fit",
        "`non_trainable`, `fit`",
        "gpjax",
        (
            because(
                "the optimizer sees all arrays, frozen ones with a zero gradient: the decay of "
                "adamw, lamb and lion needs none.",
                *STAYING,
            ),
        ),
        upstream="gpjax_non_trainable.py",
        since="1.0.0; 0.18.0 has another API",
        environment=environments.PARAMAX,
    ),
    Validation(
        "paramax_non_trainable:gpjax_fit_half",
        "`fit`, divided by `partition`",
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
            because(
                "the optimizer starts from all parameters and is updated by the trainable ones: "
                "every optimizer that keeps moments raises.",
                "training-runs",
            ),
        ),
        upstream="penzai_trainer.py",
        since="0.2.3; 0.2.2 does not run here",
        environment=environments.PENZAI,
    ),
    Validation(
        "penzai_trainer:as_constants",
        "`StatefulTrainer`, frozen by `freeze_params`",
        "penzai",
        environment=environments.PENZAI,
    ),
    Validation(
        "quax_lora:as_in_the_example",
        "`loraify`, all arrays in the optimizer",
        "quax",
        (
            because(
                "`stop_gradient` leaves a zero gradient, and a decay needs none.",
                *STAYING,
            ),
        ),
        upstream="quax_lora.py",
        since="0.3.5; 0.3.4 does not run with jax 0.10.2",
        environment=environments.QUAX,
    ),
    Validation(
        "quax_lora:trained_half",
        "`loraify`, divided by `partition`",
        "quax",
        environment=environments.QUAX,
    ),
    Validation(
        "transformers_flax:freeze_feature_encoder",
        "`freeze_feature_encoder`, Wav2Vec2",
        "transformers",
        (
            because(
                "`stop_gradient` leaves a zero gradient, and a decay needs none.",
                *STAYING,
            ),
        ),
        upstream="transformers_flax.py",
        environment=environments.TRANSFORMERS,
    ),
    Validation(
        "transformers_flax:set_to_zero",
        "Wav2Vec2, with `set_to_zero`",
        "transformers",
        environment=environments.TRANSFORMERS,
    ),
    Validation(
        "tunix_lora:projection",
        "distillation into a LoRA student",
        "google-tunix",
        (
            because(
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
        "distillation, the projection as `LoRAParam`",
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
            because(
                "`masked` hands on what it does not transform: the raw gradient is added.",
                *STAYING,
            ),
            because(
                "the base moves by its gradients, and the adapter is trained on top of it.",
                "frozen-gradients-do-not-leak",
            ),
        ),
        upstream="zadapter_mask.py",
        since="0.2.0, which brought it",
        environment=environments.ZADAPTER,
    ),
    Validation(
        "zadapter_mask:set_to_zero",
        "`get_adapter_param_mask`, with `set_to_zero`",
        "zadapter",
        environment=environments.ZADAPTER,
    ),
    Validation(
        "jax_lorax:wrap_optimizer",
        "`wrap_optimizer`, a LoRA weight",
        "jax-lorax",
        (
            because(
                "with qax 0.4 the weight under an adapter gets its update.",
                "frozen-value",
            ),
        ),
        upstream="jax_lorax.py",
        fault_of="qax",
        environment=environments.LORAX,
        frozen=("adapted/w", "frozen"),
        since="qax 0.4.0; with qax 0.3.1 it stays",
    ),
    Validation(
        "jax_lorax:by_label",
        "a LoRA weight, by labels of the optimizer",
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
