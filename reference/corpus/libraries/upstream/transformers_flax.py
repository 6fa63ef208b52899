"""To Transformers: `freeze_feature_encoder=True` (Flax Wav2Vec2) decays the encoder under adamw.

The argument stops the gradient of the encoder. With the optimizer that the Flax examples use,
adamw, its weights shrink in every step all the same. The documentation could say that the encoder
has to be kept out of the optimizer as well (`optax.multi_transform`).

Fails with transformers 4.57.3 (flax 0.12.8, optax 0.2.8, jax 0.10.2).
"""

import jax
import jax.numpy as jnp
import optax
from transformers import FlaxWav2Vec2ForCTC, Wav2Vec2Config

config = Wav2Vec2Config(
    hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4, conv_dim=(4,),
    conv_stride=(4,), conv_kernel=(4,), num_feat_extract_layers=1, vocab_size=3,
    num_conv_pos_embeddings=2, num_conv_pos_embedding_groups=1, do_stable_layer_norm=True,
    feat_extract_norm="layer",
)  # fmt: skip
model = FlaxWav2Vec2ForCTC(config, input_shape=(1, 32))
x = jnp.sin(jnp.arange(32.0))[None]
loss = lambda params: jnp.sum(model(x, params=params, freeze_feature_encoder=True).logits)  # noqa: E731
optimizer = optax.adamw(1e-3, weight_decay=0.01)
updates, _ = optimizer.update(
    jax.grad(loss)(model.params), optimizer.init(model.params), model.params
)
frozen = jax.tree.leaves(updates["wav2vec2"]["feature_extractor"])
seen = max(float(jnp.max(jnp.abs(leaf))) for leaf in frozen)
print(f"expected: the encoder moves by 0\nseen: {seen}")
assert seen == 0, "the frozen encoder decays"
