import json

import numpy as np
import pytest

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.evaluation.actors import open_actors
from cyberhost_cli.pipelines.dataset import sources
from cyberhost_cli.pipelines.dataset.write import make_dataset
from cyberhost_cli.pipelines.generate import generate
from cyberhost_cli.pipelines.progress import silent
from cyberhost_cli.synth import clips
from cyberhost_cli.training.loop import train
from cyberhost_cli.weights.checkpoint import load_model
from cyberhost_cli.weights.header import read_header

SIDE = 64
SHAPE = (
    f"picture.width={SIDE}",
    f"picture.height={SIDE}",
    "picture.face_size=16",
    "picture.hand_size=16",
    "model.backbone.widths=[16,32]",
    "model.backbone.attention=[false,true]",
    "model.backbone.latent_channels=4",
    "model.motion.levels=[true,true]",
    "model.regions.levels=[false,true]",
    "model.priors.pose_channels=[4,8,8]",
    "model.autoencoder.widths=[8,8,16]",
    "training.crop=32",
    "training.warmup=2",
    "training.batch=4",
    "training.workers=1",
    "training.learning_rate=0.002",
    "sampling.chunk_frames=6",
)

STAGES = (("autoencoder", 1, 60, "loss"), ("pairs", 1, 30, "mask"), ("clips", 6, 30, "mask"))
"""Name, frames and steps, and what falls in so few of them: of single timesteps the loss itself is noise."""


@pytest.fixture(scope="module")
def actors(tmp_path_factory):
    """Eight clips of synthetic actors, a second each."""
    folder = tmp_path_factory.mktemp("actors")
    assert len(list(clips.make(folder, 8, seed=5, size=SIDE, seconds=1.0))) == 8
    return folder


def stage(name, frames, steps):
    return load_preset(
        "demo", [*SHAPE, f"training.stage={name}", f"training.frames={frames}", f"training.steps={steps}"]
    )


def losses(run, told):
    return [json.loads(line)["losses"][told] for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_actors_become_a_model_that_makes_frames(tmp_path, actors):
    whole = stage("clips", 6, 20)
    made = make_dataset(sources.find(actors), tmp_path / "data", whole, workers=1, shard_bytes=10**6, progress=silent)
    assert made.report.clips == 8
    start = None
    for name, frames, steps, told in STAGES:
        start = train(stage(name, frames, steps), tmp_path / "data", tmp_path / name, start, lambda *_: None)
        seen = losses(tmp_path / name, told)
        assert len(seen) == steps // 10
        assert seen[-1] < seen[0]
    lineage = read_header(start).lineage
    assert [each.stage for each in lineage.history] == ["autoencoder", "pairs"]
    model = load_model(start, whole.preset.model)
    (actor, *_) = open_actors(actors, whole.preset)
    frames = np.concatenate(list(generate(actor.prepared, model, whole.preset, 0)))
    assert frames.shape == (25, SIDE, SIDE, 3)
    assert frames.std() > 5
