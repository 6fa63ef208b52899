#!/usr/bin/env bash
# Keras 3.15.1: `trainable = False` and back thaws the kernel that `enable_lora` froze.
#
# Expected: after `enable_lora` the kernel is frozen for good: only the two small factors (and the
# bias) train. Freezing the model for a while and thawing it again restores that.
#
# What happens: `enable_lora` freezes the kernel by a flag of the variable. The setter of `trainable` on
# a layer, or on a model around it, overwrites the flags of all variables below. After False and True
# the full kernel trains beside its own low-rank factors, while `lora_enabled` still says True.
#
# For a freeze: a phase of training in which the backbone rests, followed by one in which its LoRA
# factors train, turns LoRA into full fine-tuning. Look at `trainable_variables` after
# each change.

packages=(keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6)

program=$(cat <<'PYTHON'
import os

os.environ["KERAS_BACKEND"] = "jax"

import keras

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="dense")])
dense = model.get_layer("dense")
dense.enable_lora(2)


def report(when):
    print(f"{when}:", ", ".join(variable.name for variable in model.trainable_variables))


report("enable_lora")
model.trainable = False
report("trainable = False")
model.trainable = True
report("trainable = True")
print("lora is enabled:", dense.lora_enabled)
PYTHON
)

expected=$(cat <<'TEXT'
enable_lora: bias, lora_kernel_a, lora_kernel_b
trainable = False: 
trainable = True: kernel, bias, lora_kernel_a, lora_kernel_b
lora is enabled: True
TEXT
)

. "$(dirname "$0")/judge.bash"
