"""To Keras: `trainable = False` and back thaws the kernel that `enable_lora` froze.

`enable_lora` sets `kernel.trainable = False`; the setter of `Layer.trainable` overwrites the flags
of all variables. It should leave out the kernel while `lora_enabled`. The same holds for
`Embedding`.

Fails with keras 3.15.1.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"
import keras

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
model.layers[0].enable_lora(2)
expected = [variable.name for variable in model.trainable_variables]
model.trainable = False
model.trainable = True
seen = [variable.name for variable in model.trainable_variables]
print("expected:", *expected)
print("seen:", *seen)
assert seen == expected, "the full kernel trains beside its low-rank factors"
