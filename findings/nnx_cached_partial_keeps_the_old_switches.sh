#!/usr/bin/env bash
# Flax 0.12.8: a step made by `nnx.cached_partial` does not notice that a normalisation or a Dropout was
# switched off, a Variable given another type, or a layer replaced; it notices new weights.
#
# Expected: `cached_partial(step, model, optimizer)` saves the time to walk through the model. What one does
# to the model between two steps counts, as it does for `nnx.jit`, which compiles anew for another switch,
# or it is an error: the documentation says that another structure raises one.
#
# What happens: the step gets a copy of the model, which `_cached_partial` in nnx/graphlib.py makes once, and
# which shares the Variables and nothing else. `model.eval()`, `use_running_average = True` and the like set
# plain attributes of the model, and the copy keeps its own. A layer or a Variable that is put in the place
# of another is not in the copy, and one that was taken away still is, and trains on. The error is for what
# the step itself changes. So `model` answers as one has set it, and the step goes on as it began.
#
# For a freeze: freezing the statistics of a normalisation, or a layer by the type of its Variables, half-way
# through a training, does nothing in the cached step; and the other way round, a step that was made while
# the model was in `eval()` never updates statistics, and drops nothing. A new LoRA or head stays as it was
# drawn. Call `cached_partial` again after each change that is not a value.

packages=(flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax
from flax import nnx

batch = jax.random.normal(jax.random.key(0), (8, 3)) + 2.0


class Frozen(nnx.Variable):
    pass


class Model(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.backbone = nnx.Linear(3, 4, rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.head = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return self.head(self.dropout(self.norm(self.backbone(x))))


@nnx.jit
def step(model, optimizer):
    grads = nnx.grad(lambda model: ((model(batch) - 1.0) ** 2).mean())(model)
    optimizer.update(model, grads)


def jitted(model, optimizer):
    return lambda: step(model, optimizer)


def cached(model, optimizer):
    return nnx.cached_partial(step, model, optimizer)


def changed_by(one_step, variable):
    before = variable[...]
    one_step()
    return "changes" if bool((variable[...] != before).any()) else "stays"


for make in (jitted, cached):
    model = Model()
    one_step = make(model, nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param))
    one_step()
    print(f"{make.__name__}:")

    model.eval()
    print("  after eval() the mean of the normalisation", changed_by(one_step, model.norm.mean))
    print("  and the state of Dropout's keys", changed_by(one_step, model.dropout.rngs.count))

    model.head.kernel[...] = jnp.full((4, 1), 100.0)
    one_step()
    print("  a value that is put in is trained:", bool(abs(model.head.kernel[...]).max() != 100))

    old = model.head.kernel
    model.head = nnx.Linear(4, 1, rngs=nnx.Rngs(1))
    print("  of a new head the kernel", changed_by(one_step, model.head.kernel))
    print("  and of the old one", changed_by(one_step, old))

model = Model()
model.eval()
one_step = cached(model, nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param))
model.train()
print("cached in eval(), after train() the mean", changed_by(one_step, model.norm.mean))

model = Model()
one_step = cached(model, nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param))
old = model.backbone.kernel
model.backbone.kernel = Frozen(model.backbone.kernel[...])
model.backbone.bias = Frozen(model.backbone.bias[...])
print("cached, after the backbone got a type of its own:")
print("  the kernel of the model", changed_by(one_step, model.backbone.kernel))
print("  the kernel that the step trains", changed_by(one_step, old))
one_step = cached(model, nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param))
print("  and after another cached_partial", changed_by(one_step, old))
PYTHON
)

expected=$(cat <<'TEXT'
jitted:
  after eval() the mean of the normalisation stays
  and the state of Dropout's keys stays
  a value that is put in is trained: True
  of a new head the kernel changes
  and of the old one stays
cached:
  after eval() the mean of the normalisation changes
  and the state of Dropout's keys changes
  a value that is put in is trained: True
  of a new head the kernel stays
  and of the old one changes
cached in eval(), after train() the mean stays
cached, after the backbone got a type of its own:
  the kernel of the model stays
  the kernel that the step trains changes
  and after another cached_partial stays
TEXT
)

. "$(dirname "$0")/judge.bash"
