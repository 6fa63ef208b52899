"""To Tunix: distilled into a LoRA student, the feature projection keeps its random weights.

`PeftTrainer` trains `nnx.LoRAParam` alone as soon as a model has some; the projection that
`FeatureProjectionStrategy` adds to the student is made of plain `nnx.Param`.

Fails with google-tunix 0.1.7 (flax 0.12.8, jax 0.10.2).
"""

import jax.numpy as jnp
import optax
from flax import nnx
from tunix.distillation import distillation_trainer as distillation
from tunix.distillation import strategies

Body = type("Body", (nnx.Linear,), {})


class Model(nnx.Module):
    def __init__(self, width):
        self.body = Body(3, width, rngs=nnx.Rngs(0))
        self.head = nnx.LoRALinear(width, 2, lora_rank=1, rngs=nnx.Rngs(1))

    def __call__(self, input_tokens, input_mask):
        return self.head(self.body(input_tokens))


inputs = {"input_tokens": jnp.ones((1, 3)), "input_mask": jnp.ones((1, 3))}
forward = lambda model, **inputs: model(**inputs)  # noqa: E731
strategy = strategies.FeatureProjectionStrategy(
    forward, forward, lambda **_: jnp.ones((1, 2)), Body, inputs, nnx.Rngs(2))  # fmt: skip
config = distillation.TrainingConfig(eval_every_n_steps=9, max_steps=3)
trainer = distillation.DistillationTrainer(Model(2), Model(5), strategy, optax.adam(0.1), config)
kernel = trainer.model.projection_layer.kernel
before = jnp.array(kernel[...])
trainer.train([distillation.TrainingInput(**inputs)] * 3)
seen = float(jnp.max(jnp.abs(kernel[...] - before)))
print(f"expected: the new layer trains\nseen: it moves by {seen}")
assert seen > 0, "the student is pulled towards a random projection"
