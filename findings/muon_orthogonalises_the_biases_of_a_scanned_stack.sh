#!/usr/bin/env bash
# Optax 0.2.8: `optax.contrib.muon` gives the kernels of a stack of layers that Flax 0.12.8 scans to Adam, and its
# biases to Muon, where the same layers without a scan get it the other way round; a layer that is frozen by its
# gradient then changes how the biases of the others train.
#
# Expected: `nn.scan` with `variable_axes={"params": 0}` is the same network in fewer lines: the same loss, the same
# gradients, layer by layer, and an optimizer that treats matrices in one way and vectors in another goes on to do so.
#
# What happens: without `muon_weight_dimension_numbers` Muon takes what has two dimensions, and leaves the rest to
# Adam. In the stack a bias has two (layers, features), and a kernel three. So each layer's kernel moves by Adam, and
# the biases of all layers are orthogonalised together, as if they were the rows of one matrix. Nothing warns: the
# only error is for an array of fewer than two dimensions.
#
# For a freeze: rows of zeros, the gradient of a frozen layer, stay zeros in Muon, so that the layer itself keeps its
# bits. But the matrix whose other rows are orthogonalised is another one: the steps of the biases that train change by
# over a quarter of their length. Name the dimensions: `MuonDimensionNumbers(reduction_axis=1, output_axis=2)` for the
# kernels, and None for the biases.

packages=(flax==0.12.8 optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from optax import contrib

DEPTH, WIDTH = 3, 8
numbers = contrib.MuonDimensionNumbers(reduction_axis=1, output_axis=2)


class Layer(nn.Module):
    @nn.compact
    def __call__(self, x, _):
        return x + nn.tanh(nn.Dense(WIDTH)(x)), None


class Scanned(nn.Module):
    @nn.compact
    def __call__(self, x):
        stack = nn.scan(Layer, variable_axes={"params": 0}, split_rngs={"params": True}, length=DEPTH)
        return stack(name="layers")(x, None)[0]


class Unrolled(nn.Module):
    @nn.compact
    def __call__(self, x):
        for number in range(DEPTH):
            x, _ = Layer(name=f"layer_{number}")(x, None)
        return x


x, y = jax.random.normal(jax.random.key(0), (2, 16, WIDTH))
stack = Scanned().init(jax.random.key(1), x)["params"]["layers"]["Dense_0"]


def gradients(model, params):
    return jax.grad(lambda p: jnp.mean((model.apply({"params": p}, x) - y) ** 2))(params)


def updates(tx, params, grads):
    return tx.update(grads, tx.init(params), params)[0]


layers = {f"layer_{i}": {"Dense_0": jax.tree.map(lambda leaf: leaf[i], stack)} for i in range(DEPTH)}
of_layers = gradients(Unrolled(), layers)
of_stack = gradients(Scanned(), {"layers": {"Dense_0": stack}})["layers"]["Dense_0"]
together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(of_layers[name]["Dense_0"] for name in sorted(layers)))
print("gradients are the same:", all(np.allclose(of_stack[leaf], together[leaf], atol=1e-6) for leaf in stack))


def moved_by(update):
    size = np.abs(update)
    return "Adam" if size.max() < 1.01 * size.min() else "Muon"  # Adam's first step is the sign


def freezing_the_first(tx):
    """Return by how much the steps of the others change when the first layer's gradient is made zero."""
    frozen = jax.tree.map(lambda leaf: leaf.at[0].set(0), of_stack)
    plain, beside = updates(tx, stack, of_stack), updates(tx, stack, frozen)
    still = all(not np.any(beside[leaf][0]) for leaf in stack)
    off = {leaf: np.linalg.norm(beside[leaf][1:] - plain[leaf][1:]) / np.linalg.norm(plain[leaf][1:]) for leaf in stack}
    told = ", ".join(f"{leaf} {'over a quarter' if off[leaf] > 0.25 else 'nothing'}" for leaf in sorted(off))
    return f"the layer itself stays: {still}; the steps of the others change by: {told}"


muon = contrib.muon(0.01)
named = contrib.muon(0.01, muon_weight_dimension_numbers={"kernel": numbers, "bias": None})
one = updates(muon, layers, of_layers)["layer_1"]["Dense_0"]
for name, update in (("a layer", one), ("the stack", updates(muon, stack, of_stack)), ("named", updates(named, stack, of_stack))):
    print(f"{name}:", ", ".join(f"{leaf} by {moved_by(update[leaf])}" for leaf in sorted(update)))
print("frozen first layer,", freezing_the_first(muon))
print("named,", freezing_the_first(named))
PYTHON
)

expected=$(cat <<'TEXT'
gradients are the same: True
a layer: bias by Adam, kernel by Muon
the stack: bias by Muon, kernel by Adam
named: bias by Adam, kernel by Muon
frozen first layer, the layer itself stays: True; the steps of the others change by: bias over a quarter, kernel nothing
named, the layer itself stays: True; the steps of the others change by: bias nothing, kernel nothing
TEXT
)

. "$(dirname "$0")/judge.bash"
