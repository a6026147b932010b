from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16_000
LIBRIVOX = Path(__file__).parents[2] / "assets" / "librivox.flac"


@pytest.fixture(scope="session")
def spoken():
    """Return a sentence of 3.29 s at 16 kHz."""
    samples, rate = soundfile.read(LIBRIVOX, dtype="float32")
    assert rate == RATE
    return samples


@pytest.fixture(scope="session")
def long(spoken):
    """Return 20 s of speech with pauses, quiet and loud."""
    pause = np.zeros(RATE // 2, np.float32)
    return np.concatenate([spoken, pause, spoken * 0.5, spoken[::-1], pause, spoken * 0.8, spoken, spoken[8000:]])


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Return a folder with a small wav2vec 2.0 and a small Whisper that hears 3 s, of random weights."""
    import torch
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2Model,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperModel,
    )

    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    heard = Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=[32] * 7,
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=4,
        initializer_range=0.1,
    )
    Wav2Vec2Model(heard).save_pretrained(folder / "wav2vec2")
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder / "wav2vec2")
    written = WhisperConfig(
        vocab_size=8,
        d_model=32,
        encoder_layers=2,
        encoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_layers=1,
        decoder_attention_heads=4,
        decoder_ffn_dim=64,
        max_source_positions=150,
        max_target_positions=8,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        init_std=0.2,
    )
    WhisperModel(written).save_pretrained(folder / "whisper")
    WhisperFeatureExtractor(chunk_length=3).save_pretrained(folder / "whisper")
    return folder


@pytest.fixture
def find(models):
    return lambda name: models / name


@pytest.fixture(scope="session")
def no_weights():
    """Find nothing: log-mel asks for nothing."""

    def find(name):
        raise AssertionError(f"asked for {name}")

    return find


@pytest.fixture
def configure(configs):
    """Make a speech section for one of the small models."""

    def make(encoder: str, **changes):
        small = {"encoder": encoder, "weights": encoder, "features": 32, "layers": 3, "steps_per_frame": 2}
        return configs.speech.model_copy(update={**small, "piece_seconds": 3.0, "piece_overlap": 1.0, **changes})

    return make
