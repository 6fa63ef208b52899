"""Specimens whose answer is right and whose step is wrong: only the observed updates show it.

The norm of the frozen kernel stays the same to the last bit in all of them.
"""

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from frostproof.reference.corpus.register import specimen
from frostproof.reference.corpus.specimens.recipes.exercise_recipe import (
    in_hidden,
    in_output,
    is_hidden_kernel,
    map_where,
    then,
    zero_where,
)
from frostproof.reference.corpus.specimens.recipes.linen_exercise_recipe import LINEN
from frostproof.reference.corpus.specimens.recipes.nnx_exercise_recipe import NNX

#
# Frozen leaves that move
#


@specimen(law="answer-xray-frozen", seen="masks that name kernels only")
@LINEN.replacing("freeze")
def bias_not_frozen(gradients, x, lr):
    """Of the first layer the kernel alone is frozen."""
    return zero_where(is_hidden_kernel, gradients)


bias_not_frozen_nnx = NNX.twin(bias_not_frozen)


@specimen(law="answer-xray-frozen", seen="made up: a move that a norm cannot see")
@LINEN.replacing("optimizer")
def kernel_negated(lr):
    """The step turns the frozen kernel into its negative."""
    return then(optax.sgd(lr), is_hidden_kernel, lambda update, weight: -2 * weight)


kernel_negated_nnx = NNX.twin(kernel_negated)


@specimen(law="answer-xray-frozen", seen="made up: a move that a norm cannot see")
@LINEN.replacing("optimizer")
def one_unit_negated(lr):
    """The step changes the sign of the weights of one frozen unit."""

    def negated(update, weight):
        return update.at[:, 0].set(-2 * weight[:, 0])

    return then(optax.sgd(lr), is_hidden_kernel, negated)


@specimen(law="answer-xray-frozen", seen="made up: a move that a norm cannot see")
@LINEN.replacing("update")
def units_reversed(weights, gradients, optimizer):
    """The step reverses the order of the frozen units."""
    updates, _ = optimizer.update(gradients, optimizer.init(weights), weights)
    still = jax.tree.map(jnp.zeros_like, weights)
    # Through zero, since p + (q - p) would be rounded and 0 + q is exact.
    cleared = map_where(is_hidden_kernel, lambda update, weight: -weight, updates, weights)
    refilled = map_where(is_hidden_kernel, lambda _, weight: weight[:, ::-1], still, weights)
    return optax.apply_updates(optax.apply_updates(weights, cleared), refilled)


@specimen(law="answer-xray-frozen", seen="made up: the smallest move of a zero bias")
@NNX.replacing("optimizer")
def bias_pushed_by_the_rate(lr):
    """The frozen bias moves by the learning rate, whatever the gradient."""

    def is_hidden_bias(path):
        return in_hidden(path) and path[-1] == "bias"

    return then(optax.sgd(lr), is_hidden_bias, lambda update, weight: update + lr)


#
# Trainable leaves that do not follow the gradient
#


@specimen(law="answer-xray-moves", seen="a mask that covers every layer")
@LINEN.replacing("optimizer")
def nothing_moves(lr):
    """All updates are zero."""
    return optax.set_to_zero()


nothing_moves_nnx = NNX.twin(nothing_moves)


@specimen(law="answer-xray-moves", seen="masks that name kernels only")
@LINEN.replacing("freeze")
def output_bias_stuck(gradients, x, lr):
    """The bias of the output layer is frozen as well."""
    return zero_where(lambda path: in_hidden(path) or path[-1] == "bias", gradients)


output_bias_stuck_nnx = NNX.twin(output_bias_stuck)


@specimen(law="answer-xray-moves", seen="a sign lost between loss and objective")
@LINEN.replacing("optimizer")
def gradient_ascent(lr):
    """The step goes up the gradient."""
    return optax.sgd(-lr)


gradient_ascent_nnx = NNX.twin(gradient_ascent)


@specimen(law="answer-xray-moves", seen="a rate written into the optimizer")
@LINEN.replacing("optimizer")
def learning_rate_ignored(lr):
    """The learning rate is always 0.1."""
    return optax.sgd(0.1)


learning_rate_ignored_nnx = NNX.twin(learning_rate_ignored)


@specimen(law="answer-xray-moves", seen="a rate divided among two layers")
@LINEN.replacing("optimizer")
def learning_rate_halved(lr):
    """The learning rate is halved."""
    return optax.sgd(lr / 2)


@specimen(law="answer-xray-moves", seen="guards against negative rates")
@NNX.replacing("optimizer")
def learning_rate_capped_at_one(lr):
    """Learning rates above one are taken for one."""
    return optax.sgd(jnp.minimum(lr, 1.0))


@specimen(law="answer-xray-moves", seen="a schedule that begins at zero")
@NNX.replacing("optimizer")
def warm_up_from_zero(lr):
    """A warm-up multiplies the learning rate by zero in its first step."""
    return optax.sgd(optax.linear_schedule(0.0, lr, 10))


@specimen(law="answer-xray-moves", seen="updates applied by hand after `apply_gradients`")
@LINEN.replacing("update")
def update_applied_twice(weights, gradients, optimizer):
    """The same update is applied twice."""
    updates, _ = optimizer.update(gradients, optimizer.init(weights), weights)
    return optax.apply_updates(optax.apply_updates(weights, updates), updates)


@specimen(law="answer-xray-moves", seen="a call of `update` inside and outside the step")
@NNX.replacing("update")
def update_applied_twice_nnx(model, gradients, optimizer):
    """The same update is applied twice."""
    trainer = nnx.Optimizer(model, optimizer, wrt=nnx.Param)
    trainer.update(model, gradients)
    trainer.update(model, gradients)


@specimen(law="answer-xray-moves", seen="clipping kept from another project")
@LINEN.replacing("optimizer")
def output_gradient_clipped(lr):
    """Gradients are clipped to ±1."""
    return optax.chain(optax.clip(1.0), optax.sgd(lr))


output_gradient_clipped_nnx = NNX.twin(output_gradient_clipped)


@specimen(law="answer-xray-moves", seen="gradients normalised against explosion")
@LINEN.replacing("optimizer")
def gradient_normalised(lr):
    """The gradient is scaled to a global norm of at most one."""
    return optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(lr))


@specimen(law="answer-xray-moves", seen="another default optimizer")
@NNX.replacing("optimizer")
def adam_instead_of_sgd(lr):
    """The optimizer is Adam, whose first step has the size of the learning rate."""
    return optax.adam(lr)


@specimen(law="answer-xray-moves", seen="Nesterov's momentum, which counts a first gradient twice")
@LINEN.replacing("optimizer")
def nesterov_momentum(lr):
    """The optimizer has Nesterov momentum, and its first step is 1.9 times as long."""
    return optax.sgd(lr, momentum=0.9, nesterov=True)


@specimen(law="answer-xray-moves", seen="gradients summed over devices, then averaged again")
@LINEN.replacing("freeze")
def output_kernel_gradient_doubled(gradients, x, lr):
    """The gradient of the output kernel is doubled, that of its bias is not."""
    doubled = map_where(
        lambda path: in_output(path) and path[-1] == "kernel", lambda leaf: 2 * leaf, gradients
    )
    return zero_where(in_hidden, doubled)


@specimen(law="answer-xray-moves", seen="weight decay under a mask that spares the frozen")
@NNX.replacing("optimizer")
def trainable_weights_decay(lr):
    """The output layer decays by a hundredth of the learning rate."""
    return then(optax.sgd(lr), in_output, lambda update, weight: update - 0.01 * lr * weight)


@specimen(law="answer-xray-moves", seen="`optimizer.update(grads, model)`, which raises nothing")
@NNX.replacing("update")
def arguments_swapped(model, gradients, optimizer):
    """The arguments of `update` are swapped: the gradients are trained, and the model stays."""
    nnx.Optimizer(model, optimizer, wrt=nnx.Param).update(gradients, model)
