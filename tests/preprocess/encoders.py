"""Small models that see or hear, in the layout of the public ones, with random weights that are always the same."""

import torch
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)

WIDTH = 32
"""Of what speech becomes."""
SEEN = 24
"""Numbers that a picture becomes."""


def clip(folder):
    """Write an encoder of pictures with the sides of the real one's."""
    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        projection_dim=SEEN,
        num_hidden_layers=2,
        num_attention_heads=4,
        patch_size=32,
    )
    CLIPVisionModelWithProjection(config).save_pretrained(folder)


def wav2vec2(folder, layers=3):
    """Write a wav2vec 2.0."""
    torch.manual_seed(0)
    config = Wav2Vec2Config(
        hidden_size=WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=[32] * 7,
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=4,
        initializer_range=0.1,
    )
    Wav2Vec2Model(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)


def whisper(folder, layers=2, seconds=3):
    """Write a Whisper that hears so many seconds at once."""
    torch.manual_seed(0)
    config = whisper_config(
        d_model=WIDTH,
        encoder_layers=layers,
        encoder_attention_heads=4,
        encoder_ffn_dim=64,
        max_source_positions=50 * seconds,
        init_std=0.2,
    )
    WhisperModel(config).save_pretrained(folder)
    WhisperFeatureExtractor(chunk_length=seconds).save_pretrained(folder)


def whisper_config(**encoder):
    """Return a Whisper with next to no decoder."""
    return WhisperConfig(
        vocab_size=8,
        decoder_layers=1,
        decoder_attention_heads=1,
        decoder_ffn_dim=8,
        max_target_positions=8,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        **encoder,
    )
