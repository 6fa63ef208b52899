#!/usr/bin/env bash
# Tunix 0.1.7: distilled into a LoRA student, features go through a projection that never trains.
#
# Expected: `FeatureProjectionStrategy` puts a linear layer between the student's features and the
# teacher's, whose width differs. It is new, random, and trained along with the student.
#
# What happens: the trainer asks once whether the model has LoRA weights anywhere. If so it trains these
# and nothing else, which is right for the student, and wrong for the layer that the strategy itself
# has just added. The student is then pulled towards a random image of the teacher's features. With a
# student that trains all its weights the same call trains the projection.
#
# For a freeze: "train only LoRA weights" freezes every layer that is added later, too. Look at
# what moved after the first step.

packages=(google-tunix==0.1.7 flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import logging

logging.disable(logging.WARNING)

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from tunix.distillation import distillation_trainer, strategies


class Body(nnx.Linear):
    pass


class Model(nnx.Module):
    def __init__(self, width, rngs, lora):
        self.body = Body(4, width, rngs=rngs)
        self.head = nnx.Linear(width, 3, rngs=rngs)
        if lora:
            self.head = nnx.LoRALinear(width, 3, lora_rank=2, rngs=rngs)

    def __call__(self, input_tokens, input_mask):
        return self.head(self.body(jax.nn.one_hot(input_tokens, 4)))


inputs = {"input_tokens": jnp.zeros((2, 3), int), "input_mask": jnp.ones((2, 3))}
forward = lambda model, **inputs: model(**inputs)
labels = lambda input_tokens, input_mask: jax.nn.one_hot(input_tokens, 3)


def projection_moves(lora):
    strategy = strategies.FeatureProjectionStrategy(
        forward, forward, labels, Body, inputs, nnx.Rngs(2), alpha=0.5
    )
    trainer = distillation_trainer.DistillationTrainer(
        Model(2, nnx.Rngs(0), lora),
        Model(5, nnx.Rngs(1), False),
        strategy,
        optax.adam(0.1),
        distillation_trainer.TrainingConfig(eval_every_n_steps=100, max_steps=3),
    )
    kernel = trainer.model.projection_layer.kernel
    before = jnp.array(kernel[...])
    trainer.train([distillation_trainer.TrainingInput(**inputs)] * 3)
    return bool(jnp.any(kernel[...] != before))


for name, lora in {"all weights": False, "LoRA": True}.items():
    print(f"a student that trains {name}: the projection trains: {projection_moves(lora)}")
PYTHON
)

expected=$(cat <<'TEXT'
a student that trains all weights: the projection trains: True
a student that trains LoRA: the projection trains: False
TEXT
)

. "$(dirname "$0")/judge.bash"
