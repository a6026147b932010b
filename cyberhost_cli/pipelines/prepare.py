"""Prepare: files become what the model is told."""

from pathlib import Path

import numpy as np
import soxr
from jaxtyping import Float32

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.errors import UsageError
from cyberhost_cli.media import cache
from cyberhost_cli.media.bundle import Parts, is_bundle, read_bundle
from cyberhost_cli.media.picture import read_picture
from cyberhost_cli.media.sound import read_recording, resample_mono
from cyberhost_cli.media.source import check_source, file_hash
from cyberhost_cli.pipelines import detectors, notes
from cyberhost_cli.pipelines.drive import Drivers, drive
from cyberhost_cli.pipelines.progress import Progress
from cyberhost_cli.preprocess import reference
from cyberhost_cli.preprocess.faces import face_of
from cyberhost_cli.preprocess.framing import frame
from cyberhost_cli.preprocess.preflight import figures as preflight
from cyberhost_cli.preprocess.preflight import picture as picture_figures
from cyberhost_cli.preprocess.preflight import sound as sound_figures
from cyberhost_cli.preprocess.preflight.levels import RATE
from cyberhost_cli.preprocess.speech.activity import activity as find_activity
from cyberhost_cli.preprocess.speech.features import encode
from cyberhost_cli.types import Person, Pixels, PreparedClip, PreparedReference, PreparedSpeech
from cyberhost_cli.weights.store import finder

REFERENCES = "references"
"""Folder within the cache."""


def prepare_reference(path: Path, loaded: LoadedPreset) -> PreparedReference:
    """Find, choose and frame the person in a picture, and derive all conditions; or take them from the cache.

    Raises:
        InputError: no picture, nobody in it, or figures that do not fit a strict preset.
    """
    preset = loaded.preset
    check_source(path, "picture")
    kept = cache.Cache(cache.folder() / REFERENCES, preset.store.cache_megabytes)
    sections = ("picture", "detection", "conditions", "preflight")
    settings = {section: getattr(preset, section).model_dump() for section in sections}
    name = cache.key(file_hash(path), {**settings, "models": preset.store.models})
    found = kept.read(name)
    if found is not None and found.reference is not None:
        notes.tell(found.notes)
        person = found.reference
    else:
        picture = read_picture(path, preset.picture)
        # Loaded first: what loading warns of is not the picture's.
        detectors.pose_detector(preset.detection, preset.store)
        with notes.taken("cyberhost_cli.preprocess") as told:
            person = _reference(picture, loaded)
        kept.keep(name, Parts(person, notes=tuple(told)))
    preflight.tell(person.figures, preset.preflight.strict)
    return person


def _reference(picture: Pixels, loaded: LoadedPreset) -> PreparedReference:
    preset = loaded.preset
    detector = detectors.pose_detector(preset.detection, preset.store)
    person = reference.find_person(picture, detector, preset.picture, preset.detection)
    framed, keypoints, placement = frame(picture, person, preset.picture)
    figures = picture_figures.measure(picture, person, placement, preset.preflight, preset.picture)
    identity = _identity(picture, person, loaded)
    return reference.describe(framed, keypoints, placement, identity, figures, preset.picture, preset.conditions)


def _identity(picture: Pixels, person: Person, loaded: LoadedPreset) -> Float32[np.ndarray, "_d"]:
    """Return what tells the person's face from others; nothing where the preset names no embedder.

    Raises:
        InputError: the face detector finds no face where the person's is.
    """
    detection, store = loaded.preset.detection, loaded.preset.store
    embedder = detectors.face_embedder(detection, store)
    if embedder is None:
        return np.zeros(0, dtype=np.float32)
    return embedder.embed(picture, face_of(picture, person, detectors.face_detector(detection, store)))


def prepare_speech(path: Path, loaded: LoadedPreset) -> PreparedSpeech:
    """Read a recording and compute its features per video frame.

    Raises:
        InputError: no recording, or figures that do not fit a strict preset.
    """
    preset = loaded.preset
    recording = read_recording(path, preset.speech)
    samples = resample_mono(recording, preset.speech.sample_rate)
    activity = find_activity(samples, preset.speech, preset.fps)
    heard = samples if preset.speech.sample_rate == RATE else soxr.resample(samples, preset.speech.sample_rate, RATE)
    figures = sound_figures.measure(heard, recording, activity, preset.fps, preset.preflight)
    if preset.speech.activity is None:
        figures = tuple(figure for figure in figures if figure.name != sound_figures.SPEECH)
    preflight.tell(figures, preset.preflight.strict)
    features = encode(samples, preset.speech, preset.fps, finder(preset.store))
    return PreparedSpeech(features, preset.speech.stride, activity, recording, preset.fps, figures)


def prepare_clip(
    first: Path, second: Path | None, loaded: LoadedPreset, drivers: Drivers, progress: Progress
) -> PreparedClip:
    """Prepare a picture and a recording, or read the bundles that hold them prepared."""
    if second is None:
        if not is_bundle(first):
            raise UsageError(f"`{first}` alone is not enough", "give a picture and a recording, or a bundle of both")
        return read_clip([first], loaded)
    # Speech first: a recording that cannot be used is found before a detector loads.
    spoken = prepare_speech(second, loaded)
    person = prepare_reference(first, loaded)
    return PreparedClip(person, spoken, drive(drivers, person, spoken.frames, loaded, progress))


def read_clip(bundles: list[Path], loaded: LoadedPreset) -> PreparedClip:
    """Read a clip from one or more bundles; what several hold is taken from the last.

    Raises:
        UsageError: a part is missing, or was prepared for another preset.
        InputError: figures that do not fit a strict preset.
    """
    found = Parts()
    for path in bundles:
        parts = read_bundle(path)
        found = Parts(parts.reference or found.reference, parts.speech or found.speech, parts.driving or found.driving)
    if found.reference is None or found.speech is None:
        missing = "reference" if found.reference is None else "speech"
        names = ", ".join(f"`{path}`" for path in bundles)
        raise UsageError(f"{names}: no {missing} inside", "make one with `cyberhost preprocess` or `cyberhost audio`")
    clip = PreparedClip(found.reference, found.speech, found.driving)
    _check(clip, loaded)
    preflight.tell((*clip.reference.figures, *clip.speech.figures), loaded.preset.preflight.strict)
    return clip


def _check(clip: PreparedClip, loaded: LoadedPreset) -> None:
    """Refuse a bundle of another preset's shape."""
    preset = loaded.preset
    speech_config, picture = preset.speech, preset.picture
    facts = {
        "picture": (clip.reference.picture.shape[:2], (picture.height, picture.width)),
        "face crop": (clip.reference.face.shape[0], picture.face_size),
        "hand crop": (clip.reference.hands.shape[1], picture.hand_size),
        "speech features": (clip.speech.features.shape[1:], (speech_config.vectors, speech_config.features)),
        "speech stride": (clip.speech.stride, speech_config.stride),
        "fps": (clip.speech.fps, preset.fps),
    }
    if clip.driving is not None:
        facts["driving poses"] = (len(clip.driving.keypoints), clip.frames)
    for name, (have, want) in facts.items():
        if have != want:
            raise UsageError(
                f"the bundle's {name} is {have}, preset `{loaded.name}` expects {want}",
                f"prepare it again with `--preset {loaded.name}`",
            )
