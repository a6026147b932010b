"""Networks of the public sizes or layouts, with weights that only depend on their names; see tests/parity/README.md."""

from math import prod

import numpy as np
from safetensors.numpy import load_file, save_file

from tests.parity.filled import HERE, draw

_PUBLISHED = {"original0": "weight_g", "original1": "weight_v"}


def numbers(name):
    """Return which frames were recorded of a front end, and its vectors there."""
    kept = load_file(HERE / "speech.safetensors")
    return kept[f"{name}.frames"], kept[name]


def fill(name, shape):
    drawn = draw(name, *shape).numpy()
    if len(shape) > 1:
        return drawn / np.float32(np.sqrt(prod(shape[1:])))
    return np.float32(name.endswith("weight")) + np.float32(0.1) * drawn


def write(model, extractor, prefix, folder):
    """Write a model with such weights, under the names of the published files."""
    model.config.save_pretrained(folder)
    extractor.save_pretrained(folder)
    weights = {}
    for name, tensor in model.state_dict().items():
        module, *parts = name.split(".parametrizations.weight.")
        published = prefix + ".".join([module, *(_PUBLISHED[part] for part in parts)])
        fixed = "embed_positions" in name
        weights[published] = tensor.numpy() if fixed else fill(published, tuple(tensor.shape))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def whisper_tiny(folder):
    """Write an encoder of the size of Whisper tiny, with next to no decoder."""
    from transformers import WhisperFeatureExtractor, WhisperModel

    from tests.preprocess import encoders

    config = encoders.whisper_config(d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536)
    return write(WhisperModel(config), WhisperFeatureExtractor(), "model.", folder)


def wav2vec2(folder):
    """Write the base model's layout with narrow layers."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    config = Wav2Vec2Config(
        hidden_size=48,
        num_hidden_layers=12,
        num_attention_heads=4,
        intermediate_size=96,
        conv_dim=[64] * 7,
    )
    return write(Wav2Vec2Model(config), Wav2Vec2FeatureExtractor(do_normalize=True), "wav2vec2.", folder)
