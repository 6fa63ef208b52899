"""Tunix and Qwix: LoRA students, of distillation and by themselves.

https://tunix.readthedocs.io/ (`DistillationTrainer`, `FeatureProjectionStrategy`) and
https://qwix.readthedocs.io/ (`apply_lora_to_model`).
"""

import logging
import sys

import jax.numpy as jnp
import qwix
from flax import nnx
from tunix.distillation import distillation_trainer, strategies

from frostproof import NnxTrainer

logging.getLogger("absl").setLevel(logging.ERROR)


class Body(nnx.Linear):
    """The layer whose features are distilled."""


class Model(nnx.Module):
    """A body and a head, which has low-rank adapters where the model is a student."""

    def __init__(self, inputs, width, rngs, *, adapted):
        self.body = Body(inputs, width, rngs=rngs)
        make = nnx.LoRALinear if adapted else nnx.Linear
        rank = {"lora_rank": 2} if adapted else {}
        self.head = make(width, 1, **rank, rngs=rngs)

    def __call__(self, input_tokens, input_mask=None):
        """Predict one column; the inputs keep the names that Tunix gives them."""
        return self.head(nnx.relu(self.body(input_tokens)))


def inputs_of(batch):
    """Return a batch as Tunix hands it to a model."""
    return {"input_tokens": jnp.asarray(batch.x), "input_mask": jnp.ones(batch.x.shape)}


def forward(model, **inputs):
    """Call a model by the names that Tunix gives its inputs."""
    return model(**inputs)


def labels(input_tokens, input_mask):
    """Return the only class there is."""
    return jnp.ones((input_tokens.shape[0], 1))


_trainers = {}


def distilling(project):
    """Return a `create` of a student whose features are projected to the teacher's width."""

    def create(seed, batch, optimizer):
        strategy = strategies.FeatureProjectionStrategy(
            forward, forward, labels, Body, inputs_of(batch), nnx.Rngs(seed + 2), alpha=0.5
        )
        columns = batch.x.shape[1]
        trainer = distillation_trainer.DistillationTrainer(
            Model(columns, 2, nnx.Rngs(seed), adapted=True),
            Model(columns, 3, nnx.Rngs(seed + 1), adapted=False),
            strategy,
            optimizer,
            distillation_trainer.TrainingConfig(eval_every_n_steps=sys.maxsize),
        )
        project(trainer, optimizer)
        _trainers[id(trainer.optimizer)] = trainer
        return trainer.model, trainer.optimizer

    return create


def as_it_is(trainer, optimizer):
    """Leave the projection as Tunix made it."""


def as_adapters(trainer, optimizer):
    """Give the projection weights of the type that trains, and make the optimizer anew."""
    layer = trainer.model.projection_layer
    layer.kernel = nnx.LoRAParam(layer.kernel[...])
    layer.bias = nnx.LoRAParam(layer.bias[...])
    trainer.optimizer = nnx.Optimizer(trainer.model, optimizer, wrt=nnx.LoRAParam)


def distil(model, optimizer, batch):
    """Take a step of Tunix's own."""
    trainer = _trainers[id(optimizer)]
    inputs = inputs_of(batch)
    features = trainer.strategy.get_teacher_outputs(trainer.teacher_model, inputs)
    example = distillation_trainer.TrainingInput(**inputs, teacher_output=features)
    loss, *_ = trainer.create_train_step_fn()(model, optimizer, example)
    return loss


def is_original(path):
    """Tell the student's own weights from adapters, and from the projection."""
    return path[0] == "model" and "lora_a" not in path and "lora_b" not in path


projection = NnxTrainer(distilling(as_it_is), distil, is_original)
projection_as_adapters = NnxTrainer(distilling(as_adapters), distil, is_original)

# Qwix.


def adapted(seed, batch, optimizer):
    """Return a model whose layers all got adapters, and an optimizer of these."""
    model = Model(batch.x.shape[1], 3, nnx.Rngs(seed), adapted=False)
    provider = qwix.LoraProvider(module_path=".*", rank=2, alpha=2.0)
    model = qwix.apply_lora_to_model(model, provider, **inputs_of(batch), rngs=nnx.Rngs(seed))
    return model, nnx.Optimizer(model, optimizer, wrt=nnx.LoRAParam)


def train_adapters(model, optimizer, batch):
    """Train by the gradients of the adapters."""
    loss, grads = nnx.value_and_grad(
        lambda model: jnp.mean((model(jnp.asarray(batch.x)) - batch.y) ** 2),
        argnums=nnx.DiffState(0, nnx.LoRAParam),
    )(model)
    optimizer.update(model, grads)
    return loss


qwix_lora = NnxTrainer(
    adapted, train_adapters, lambda path: not path[-1].endswith(("lora_a", "lora_b"))
)
