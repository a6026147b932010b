"""Rendered actors whom a model is measured on, prepared from what is known exactly about them: no detector looks."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32

from cyberhost_cli.config.inputs import ConditionsConfig, GesturesConfig
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import InputError
from cyberhost_cli.evaluation import hands
from cyberhost_cli.media.sound import read_recording, resample_mono
from cyberhost_cli.media.truth import read_truth
from cyberhost_cli.media.video import probe, read_frames
from cyberhost_cli.pipelines.drive import gesturing
from cyberhost_cli.pipelines.prepare import identify
from cyberhost_cli.preprocess import reference, regions
from cyberhost_cli.preprocess.speech.features import encode
from cyberhost_cli.types import (
    Box,
    ClipTruth,
    Driving,
    Frames,
    Person,
    Pixels,
    Placement,
    PreparedClip,
    PreparedReference,
    PreparedSpeech,
)
from cyberhost_cli.weights.store import finder

CLOSED = 0.15
"""Share of its widest opening up to which a mouth counts as closed."""
OFTEN = 0.8
"""A hand that is seen in this share of a real clip, and in the reference, should be seen in a generated one."""
OTHERS = 8
"""Recordings of other actors that a mouth is compared with."""
GESTURES = 0
"""Seed of those that a preset lets hands make by themselves."""
_CHUNK = 64


@dataclass(frozen=True)
class Actor:
    """A clip of somebody whom the model has never seen."""

    name: str
    path: Path
    """Of the film; its sound and its truth lie beside it."""
    truth: ClipTruth
    preset: Preset
    reference_frame: int
    others: tuple[Float32[np.ndarray, "_f"], ...]
    """Openings of the mouths of other actors, over time."""

    def frames(self) -> Frames:
        """Decode the film.

        Raises:
            InputError: damaged, or of another length than what is known about it.
        """
        frames = np.concatenate(list(read_frames(self.path, _CHUNK)))
        if len(frames) != len(self.truth.mouth):
            raise InputError(
                f"`{self.path}` has {len(frames)} frames, what is known about it {len(self.truth.mouth)}",
                "render the clip again with `cyberhost synth`",
            )
        return frames

    @cached_property
    def prepared(self) -> PreparedClip:
        """What the model is told: one frame of the film as the reference, its own recording, gestures of ours."""
        picture = next(read_frames(self.path, self.reference_frame + 1))[-1]
        person, speech = _person(picture, self), _speech(self.path.with_suffix(".wav"), self.preset)
        return PreparedClip(person, speech, _gestures(person, speech, self.preset))

    def told(self, conditions: ConditionsConfig, gestures: GesturesConfig) -> PreparedClip:
        """Return the same under other conditions, with other gestures."""
        config = self.preset.model_copy(update={"conditions": conditions, "gestures": gestures})
        person = self.prepared.reference
        sections = (config.picture, config.conditions, config.model)
        facts = (person.placement, person.identity, person.embedder, person.figures)
        told = reference.describe(person.picture, person.keypoints, *facts, *sections)
        return PreparedClip(told, self.prepared.speech, _gestures(told, self.prepared.speech, config))

    @cached_property
    def shown(self) -> Bool[np.ndarray, "2"]:
        """Whether the left and the right hand should be seen throughout."""
        there = hands.there(self.truth.keypoints)
        return np.asarray(there[self.reference_frame] & (there.mean(axis=0) >= OFTEN))


def open_actors(folder: Path, preset: Preset) -> list[Actor]:
    """Open the clips that `cyberhost synth` wrote into a folder; films and recordings are read when they are needed.

    Raises:
        InputError: there are none, or they do not fit the preset.
    """
    paths = [path for path in sorted(folder.glob("*.mp4")) if _is_whole(path)]
    if not paths:
        raise InputError(
            f"no actors in `{folder}`", "give a folder of `NAME.mp4`, `.wav` and `.safetensors` of `cyberhost synth`"
        )
    truths = [read_truth(path.with_suffix(".safetensors")) for path in paths]
    actors = []
    for number, (path, truth) in enumerate(zip(paths, truths, strict=True)):
        _check(path, truth, preset)
        following = [*truths[number + 1 :], *truths[:number]][:OTHERS]
        others = tuple(other.mouth for other in following)
        actors.append(Actor(path.stem, path, truth, preset, choose_frame(truth), others))
    return actors


def choose_frame(truth: ClipTruth) -> int:
    """Return the first frame with a closed mouth in which those hands are seen that are seen in most frames."""
    there = hands.there(truth.keypoints)
    usual = (there == (there.mean(axis=0) > 0.5)).all(axis=1)
    closed = truth.mouth <= CLOSED * truth.mouth.max()
    faces = np.array([regions.face_box(each) is not None for each in truth.keypoints])
    for fits in (faces & usual & closed, faces & closed, faces):
        if fits.any():
            return int(fits.argmax())
    raise InputError("a clip never shows a face", "render the actors again with `cyberhost synth`")


def _is_whole(path: Path) -> bool:
    return path.with_suffix(".wav").exists() and path.with_suffix(".safetensors").exists()


def _check(path: Path, truth: ClipTruth, preset: Preset) -> None:
    info = probe(path)
    found = (info.width, info.height, truth.fps)
    wanted = (preset.picture.width, preset.picture.height, preset.fps)
    if found != wanted:
        raise InputError(
            f"`{path}` is {found[0]}x{found[1]} at {found[2]} fps, "
            f"the preset's video {wanted[0]}x{wanted[1]} at {wanted[2]}",
            f"render actors for it with `cyberhost synth --size {wanted[0]}`",
        )


def _person(picture: Pixels, actor: Actor) -> PreparedReference:
    config = actor.preset
    keypoints = actor.truth.keypoints[actor.reference_frame]
    height, width = picture.shape[:2]
    placement = Placement(Box(0.0, 0.0, float(width), float(height)), height, width)
    identity = identify(picture, Person(keypoints, placement.box), picture, config)
    sections = (config.picture, config.conditions, config.model)
    return reference.describe(picture, keypoints, placement, identity, config.detection.identity_weights, (), *sections)


def _gestures(person: PreparedReference, speech: PreparedSpeech, config: Preset) -> Driving | None:
    return gesturing(person, speech, config, GESTURES) if config.gestures.unasked else None


def _speech(path: Path, config: Preset) -> PreparedSpeech:
    """Prepare a recording, of whose quality nothing need be asked."""
    recording = read_recording(path, config.speech)
    samples = resample_mono(recording, config.speech.sample_rate)
    features = encode(samples, config.speech, config.fps, finder(config.store))
    activity = np.ones(len(features), np.float32)
    return PreparedSpeech(features, config.speech.stride, activity, recording, config.fps, (), config.speech.encoder)
