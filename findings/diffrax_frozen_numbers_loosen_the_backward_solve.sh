#!/usr/bin/env bash
# Diffrax 0.7.2: under `BacksolveAdjoint` each frozen number in `args` or in the vector field loosens the
# tolerance of the backward solve: beside 1,000,000 the head's gradient is wrong by over twice its length.
#
# Expected: a weight behind `stop_gradient` takes no part in the backward pass. The gradient of this adjoint
# is documented as approximate, and `rtol` and `atol` say how far: without the frozen numbers it is below 2%.
#
# What happens: the backward pass solves for a gradient of every inexact array in `args` and in the terms.
# `_loop_backsolve_bwd` (_adjoint.py) is told which of them are perturbed and deletes that. The gradient of
# a frozen array stays zero, without error, and `PIDController` accepts a step by the root mean square of
# the errors over all numbers: with 1,000,000 zeros among them an error of the head may be some hundred
# times as large before a step is refused. The other adjoints have no such state, and are exact here.
#
# For a freeze: all of a pretrained model in `args`, with a small part that trains, is the usual form. The
# loss is right, the frozen leaves stay, and the head gets other gradients. Give `BacksolveAdjoint` a
# controller with `norm=adjoint_rms_seminorm`: it is documented as a way to save steps, leaves out all
# parameters, and here makes more of them. Or take the default, `RecursiveCheckpointAdjoint`.

packages=(diffrax==0.7.2 equinox==0.13.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

body_key, head_key, start_key = jax.random.split(jax.random.key(0), 3)
body = jax.random.normal(body_key, (8, 2))
head = jax.random.normal(head_key, (2, 8))
starts = jax.random.normal(start_key, (32, 2))
tolerance = dict(rtol=1e-3, atol=1e-6)
control = diffrax.PIDController(**tolerance)
backsolve = diffrax.BacksolveAdjoint()
seminorm = diffrax.BacksolveAdjoint(
    stepsize_controller=diffrax.PIDController(**tolerance, norm=diffrax.adjoint_rms_seminorm)
)


class Field(eqx.Module):
    head: jax.Array
    frozen: jax.Array

    def __call__(self, t, y, args):
        return self.head @ jnp.tanh(body @ y) - y + jnp.mean(self.frozen)


def in_args(head, frozen):
    return lambda t, y, args: Field(**args)(t, y, None), {"head": head, "frozen": frozen}


def in_a_module(head, frozen):
    return Field(head, frozen), None


def gradients(way, size, adjoint):
    """The gradient of the head beside so many frozen zeros, for each start."""
    frozen = jnp.zeros(size)

    def loss(head, start):
        field, args = way(head, jax.lax.stop_gradient(frozen))
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field), diffrax.Tsit5(), 0.0, 5.0, None, start,
            args=args, adjoint=adjoint, stepsize_controller=control,
        )
        return jnp.sum(solution.ys**2)

    return jax.jit(lambda: jax.lax.map(lambda start: jax.grad(loss)(head, start), starts))()


exact = gradients(in_args, 1, diffrax.RecursiveCheckpointAdjoint())


def length(grads):
    return jnp.linalg.norm(grads, axis=(1, 2))


def wrong_by(way, size, adjoint=backsolve):
    error = jnp.median(length(gradients(way, size, adjoint) - exact) / length(exact))
    bounds = [bound for bound in (200, 40, 8) if error > bound / 100]
    return f"over {bounds[0]}%" if bounds else "below 2%" if error < 0.02 else "else"


print("the head's gradient is wrong by, in the median:")
for size in (1, 10_000, 100_000, 1_000_000):
    print(f"  {size:9,} frozen in args: {wrong_by(in_args, size)}")
size = 100_000
print(f"  {size:9,} in a Module: {wrong_by(in_a_module, size)}")
print(f"  {size:9,} in args, seminorm: {wrong_by(in_args, size, seminorm)}")
default = diffrax.RecursiveCheckpointAdjoint()
print(f"  {size:9,} in args, RecursiveCheckpointAdjoint: {wrong_by(in_args, size, default)}")
PYTHON
)

expected=$(cat <<'TEXT'
the head's gradient is wrong by, in the median:
          1 frozen in args: below 2%
     10,000 frozen in args: over 8%
    100,000 frozen in args: over 40%
  1,000,000 frozen in args: over 200%
    100,000 in a Module: over 40%
    100,000 in args, seminorm: below 2%
    100,000 in args, RecursiveCheckpointAdjoint: below 2%
TEXT
)

. "$(dirname "$0")/judge.bash"
