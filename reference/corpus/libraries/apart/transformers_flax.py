"""Transformers, Flax: `freeze_feature_encoder` of Wav2Vec2.

https://huggingface.co/docs/transformers/v4.57.3/model_doc/wav2vec2 (Flax classes).
"""

import functools

import jax
import jax.numpy as jnp
import optax
from flax.training.train_state import TrainState
from transformers import FlaxWav2Vec2ForCTC, Wav2Vec2Config

from frostproof import LinenTrainer

FROZEN = ("wav2vec2/feature_extractor",)
SAMPLES = 32
CONFIG = Wav2Vec2Config(
    hidden_size=4,
    num_hidden_layers=1,
    num_attention_heads=1,
    intermediate_size=4,
    conv_dim=(4,),
    conv_stride=(4,),
    conv_kernel=(4,),
    num_feat_extract_layers=1,
    vocab_size=3,
    num_conv_pos_embeddings=2,
    num_conv_pos_embedding_groups=1,
    do_stable_layer_norm=True,
    feat_extract_norm="layer",
    mask_time_prob=0.0,
)


@functools.cache
def model():
    """Return a model without its own weights: they are handed over."""
    return FlaxWav2Vec2ForCTC(CONFIG, input_shape=(1, SAMPLES), seed=0)


def creating(freeze):
    """Return a `create` with `freeze` around the optimizer."""

    def create(seed, batch, optimizer):
        del batch
        params = model().init_weights(jax.random.key(seed), (1, SAMPLES))
        return TrainState.create(apply_fn=None, params=params, tx=freeze(optimizer))

    return create


@jax.jit
def train_step(state, batch):
    """Train on waves made of the rows, towards their targets."""
    waves = jnp.resize(batch.x, (batch.x.shape[0], SAMPLES))

    def loss(params):
        logits = model()(waves, params=params, freeze_feature_encoder=True).logits
        return jnp.mean((logits - batch.y[:, :, None]) ** 2)

    value, grads = jax.value_and_grad(loss)(state.params)
    return state.apply_gradients(grads=grads), value


def partitioned(optimizer):
    """Keep the encoder out of the optimizer, too."""
    return optax.multi_transform(
        {"train": optimizer, "freeze": optax.set_to_zero()},
        lambda params: jax.tree_util.tree_map_with_path(
            lambda path, _: (
                "freeze" if "feature_extractor" in jax.tree_util.keystr(path) else "train"
            ),
            params,
        ),
    )


freeze_feature_encoder = LinenTrainer(creating(lambda optimizer: optimizer), train_step, FROZEN)
set_to_zero = LinenTrainer(creating(partitioned), train_step, FROZEN)
