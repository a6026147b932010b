import numpy as np
import pytest

from cyberhost_cli.evaluation.actors import open_actors
from cyberhost_cli.pipelines.generate import generate
from cyberhost_cli.training.loop import train
from cyberhost_cli.weights.checkpoint import load_model
from tests.training.conftest import write_clip
from tests.training.line import quiet
from tests.training.prepared import dataset_of, loaded

FRAMES = 8
SHAPE = (
    "model.autoencoder.widths=[16,16,32]",
    "model.backbone.latent_channels=8",
    "model.backbone.widths=[32,64]",
    "model.priors.pose_channels=[8,16,16]",
    "training.schedule=cosine",
    "training.warmup=20",
    "training.ema=0.98",
    "training.save_every=1000",
    "training.workers=0",
)
AUTOENCODER = (
    "training.steps=1600",
    "training.batch=8",
    "training.learning_rate=0.004",
    "training.loss.mouth=2",
    "training.autoencoder.noise=0.15",
)
CLIPS = (
    "training.steps=200",
    "training.batch=3",
    f"training.frames={FRAMES}",
    "training.learning_rate=0.004",
    "training.terminal=0.3",
    "training.drop_audio=0",
    "training.drop_reference=0",
    "training.drop_motion=1",
    "training.loss.weighting=velocity",
    # What is known of the clip and what is wished for at inference are not the same number.
    "model.priors.hand_clarity_score=false",
    "conditions.movement=0.25",
    # What hears nothing learned nothing: `drop_audio` is 0.
    "sampling.guidance.audio=1",
    "sampling.steps=4",
    f"sampling.chunk_frames={FRAMES}",
)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other).mean()))


@pytest.mark.slow
def test_two_hundred_steps_learn_one_clip_by_heart(tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    write_clip(clips, "000000", (220, 180, 150), FRAMES)
    autoencoder, whole = loaded("autoencoder", *SHAPE, *AUTOENCODER), loaded("clips", *SHAPE, *CLIPS)
    dataset_of(clips, tmp_path / "data", whole)
    start = train(autoencoder, tmp_path / "data", tmp_path / "autoencoder", None, quiet)
    checkpoint = train(whole, tmp_path / "data", tmp_path / "run", start, quiet)
    model = load_model(checkpoint, whole.preset.model).eval()
    (actor,) = open_actors(clips, whole.preset)
    real = actor.frames()
    made = np.concatenate(list(generate(actor.prepared, model, whole.preset, 0)))
    # Who moves, and is not only the reference over and over.
    assert likeness(np.repeat(real[:1], len(real), axis=0), real) < 25
    assert likeness(made, real) >= 30
