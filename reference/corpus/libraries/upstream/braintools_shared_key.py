"""To Braintools: of two layers that are registered to train, only the last one does.

`layer.states(ParamState)` names states relative to the layer, so two layers bring the same path.
`UniqueStateManager` keeps both states, and its `to_pytree` and `to_dict` hand out one: the later of
two equal paths replaces the earlier. `merge_with` should raise, or make the paths differ.

Fails with braintools 0.3.0 (brainstate 0.5.4, jax 0.10.2).
"""

import brainstate
import braintools
from brainstate import ParamState

first, second = brainstate.nn.Linear(2, 2), brainstate.nn.Linear(2, 2)
optimizer = braintools.optim.SGD(lr=0.1)
optimizer.register_trainable_weights(first.states(ParamState))
optimizer.register_trainable_weights(second.states(ParamState))
trained = list(optimizer.param_states.to_pytree().values())
layers = {"first": first, "second": second}
seen = [name for name, layer in layers.items() if any(layer.weight is each for each in trained)]

print("expected: first second\nseen:", *seen)
assert len(trained) == len(optimizer.param_states), "a registered layer is not trained"
