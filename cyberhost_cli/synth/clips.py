"""Clips of synthetic actors who talk, each with its sound and with what is known exactly about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32

from cyberhost_cli.config.running import OutputConfig
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.media.truth import write_truth
from cyberhost_cli.media.writer import write_video
from cyberhost_cli.synth import actor as actors
from cyberhost_cli.synth import body as bodies
from cyberhost_cli.synth import keypoints, motion, mouth, turning
from cyberhost_cli.synth import speech as speeches
from cyberhost_cli.synth.body import Actions, Body, PosedBody, Rotations
from cyberhost_cli.synth.camera import Camera, frame_face
from cyberhost_cli.synth.figure import Figure
from cyberhost_cli.synth.render import Renderer
from cyberhost_cli.synth.speech import RATE, Speech
from cyberhost_cli.types import ClipTruth, Frames, Marks, Recording

OUTPUT = OutputConfig(format="h264", crf=8, audio_kbps=160)
"""Nearly lossless: models learn from these pictures."""
_TEXTURE = 1024


@dataclass(frozen=True)
class Clip:
    """A clip as it was made, before it is written."""

    frames: Frames
    speech: Speech
    truth: ClipTruth


def make(directory: Path, clips: int, seed: int, size: int, seconds: float, fps: int = 25) -> Iterator[Path]:
    """Write `clips` clips of one actor each, and yield the path of each as it is there.

    Clip number i depends on `seed`, i and the measures alone. Finished ones are kept, so that a run can be resumed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(clips):
        path = directory / f"{number:06d}.mp4"
        if not path.exists():
            clip_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            write(path, film(clip_seed, size, seconds, fps))
        yield path


def film(seed: int, size: int, seconds: float, fps: int) -> Clip:
    """Let the actor of `seed` say something."""
    body, actor = bodies.load(), actors.random_actor(seed)
    random = np.random.default_rng([seed, 2])
    speech = speeches.random_speech(random, seconds)
    frames = round(seconds * fps)
    reference = reference_pose(body, actor)
    rotations, face = motion.move(body, reference.joints[0], speech, frames, fps, random)
    actions = add_actions(face, mouth.move(speech, frames, fps, random.uniform(0.85, 1.1), seal(body, actor).item()))
    camera = frame_face(keypoints.face_points(reference.vertices[0]), size, random)
    pictures, truth = shoot(Figure(body, actor, _TEXTURE), camera, rotations, actions, fps)
    return Clip(pictures, speech, truth)


def reference_pose(body: Body, actor: actors.Actor) -> PosedBody:
    """Return the actor in the model's reference pose: upright, arms half raised."""
    still: Rotations = {"head": turning.single(np.eye(3)[None])}
    return body.pose(actor.phenotype, still, {})


def seal(body: Body, actor: actors.Actor) -> Float32[np.ndarray, "1"]:
    """Return the share of the action `mouthClose` at which the actor's lips, a little apart at rest, touch."""
    some = 0.1
    still: Rotations = {"head": turning.single(np.tile(np.eye(3), (2, 1, 1)))}
    posed = body.pose(actor.phenotype, still, {"mouthClose": np.array([0, some], np.float32)})
    before, after = keypoints.lip_gaps(body, posed).max(axis=1)
    return np.array([some * max(before / (before - after), 0)], np.float32)


def shoot(
    figure: Figure, camera: Camera, rotations: Rotations, actions: Actions, fps: int, oversample: int = 2
) -> tuple[Frames, ClipTruth]:
    """Render a performance and note what is seen."""
    body, actor = figure.body, figure.actor
    posed = body.pose(actor.phenotype, rotations, actions)
    surface = figure.surface(posed)
    points = keypoints.places(body, posed)
    renderer = Renderer(figure, surface[0], camera, oversample)
    pictures, track = [], []
    for vertices, places in zip(surface, points, strict=True):
        renderer.place(vertices)
        pictures.append(renderer.picture())
        track.append(keypoints.see(places, renderer.distances(places), camera))
    height = float(np.ptp(keypoints.face_points(reference_pose(body, actor).vertices[0])[:, 2]))
    opening = keypoints.mouth_opening(body, posed, height)
    return np.stack(pictures), ClipTruth(np.stack(track), opening, fps, actor.seed)


def add_actions(*parts: Actions) -> Actions:
    """Add up what different causes do to the face."""
    names = {name for part in parts for name in part}
    return {name: _sum([part[name] for part in parts if name in part]) for name in sorted(names)}


def _sum(curves: list[Float32[np.ndarray, "f"]]) -> Float32[np.ndarray, "f"]:
    return np.sum(curves, axis=0, dtype=np.float32)


def write(path: Path, clip: Clip) -> None:
    """Write the video last: where it is, the clip is whole."""
    phones = [(phone.symbol, phone.start, phone.end) for phone in clip.speech.phones]
    write_truth(path.with_suffix(".safetensors"), clip.truth, phones, clip.speech.text)
    with atomic_file(path.with_suffix(".wav")) as temporary:
        soundfile.write(temporary, clip.speech.samples, RATE, subtype="PCM_16")
    size = (clip.frames.shape[2], clip.frames.shape[1])
    recording = Recording(clip.speech.samples[:, None], RATE)
    marks = Marks(preset="synth", seed=clip.truth.actor, checkpoint="")
    write_video(path, [clip.frames], size, clip.truth.fps, recording, OUTPUT, marks, overwrite=False)
