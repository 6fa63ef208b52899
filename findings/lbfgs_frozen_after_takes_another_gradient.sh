#!/usr/bin/env bash
# Optax 0.2.8: `chain(lbfgs(), freeze(mask))` trains the rest by gradients of a model that moved the frozen
# leaves, and reports its losses.
#
# Expected: to zero the updates of frozen leaves last is the sure way: whatever the optimizer does, these
# leaves stay, and the others are trained as well as before. At worst it is slower.
#
# What happens: the leaves stay. But the line search of `lbfgs` evaluates the loss where its own step ends,
# with the frozen leaves moved, and keeps value and gradient there for `value_and_grad_from_state`, as the
# example of Optax has it. Those belong to parameters that no longer come about. In the third step the loss
# that it reports is below the least that the frozen model can reach, and after 100 steps the head is
# still not where its gradient vanishes. `multi_transform` raises: the line search calls the loss with
# placeholders for the frozen leaves. Of the three ways only `freeze` before the optimizer works.
#
# For a freeze: all that is watched looks fine: frozen leaves equal to the bit, and a loss that is low. For
# the backtracking line search Optax even says that other transformations may follow it. Put `freeze`
# first, or minimise a function of the trainable leaves alone.

packages=(optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import jax
import jax.numpy as jnp
import optax

params = {"backbone": jnp.array([1.0, 2.0]), "head": jnp.array([0.5, -0.5])}
freeze = optax.freeze({"backbone": True, "head": False})


def loss(params):
    backbone, head = params["backbone"], params["head"]
    return jnp.sum((backbone * head - 3) ** 2 + (head - 1) ** 2 + (backbone - 5) ** 2)


def report(name, optimizer):
    value_and_grad = optax.value_and_grad_from_state(loss)

    @jax.jit
    def step(trained, state):
        value, grads = value_and_grad(trained, state=state)
        updates, state = optimizer.update(
            grads, state, trained, value=value, grad=grads, value_fn=loss
        )
        return optax.apply_updates(trained, updates), state, value

    trained, state = params, optimizer.init(params)
    reported, true = [], []
    for _ in range(100):
        true.append(round(float(loss(trained))))
        trained, state, value = step(trained, state)
        reported.append(round(float(value)))
    slope = float(jnp.max(jnp.abs(jax.grad(loss)(trained)["head"])))
    print(f"{name}: reported", *reported[:5], "| true", *true[:5], end=" | ")
    print(f"backbone stays: {bool(jnp.all(trained['backbone'] == params['backbone']))}", end=", ")
    print(f"head arrives: {slope < 1e-3}")


backbone = params["backbone"]
best = params | {"head": (3 * backbone + 1) / (backbone**2 + 1)}
print(f"the least loss with this backbone: {float(loss(best)):.1f}")
report("freeze, lbfgs", optax.chain(freeze, optax.lbfgs()))
report("lbfgs, freeze", optax.chain(optax.lbfgs(), freeze))
try:
    groups = {"train": optax.lbfgs(), "freeze": optax.set_to_zero()}
    report("multi_transform", optax.multi_transform(groups, {"backbone": "freeze", "head": "train"}))
except TypeError:
    print("multi_transform: TypeError")
PYTHON
)

expected=$(cat <<'TEXT'
the least loss with this backbone: 27.2
freeze, lbfgs: reported 50 35 28 27 27 | true 50 35 28 27 27 | backbone stays: True, head arrives: True
lbfgs, freeze: reported 50 30 22 17 28 | true 50 36 29 28 28 | backbone stays: True, head arrives: False
multi_transform: TypeError
TEXT
)

. "$(dirname "$0")/judge.bash"
