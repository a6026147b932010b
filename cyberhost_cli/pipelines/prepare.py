"""Prepare: files become what the model is told."""

import logging
from pathlib import Path

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.errors import UsageError
from cyberhost_cli.media.bundle import is_bundle, read_bundle
from cyberhost_cli.media.picture import read_picture
from cyberhost_cli.media.sound import read_recording, resample_mono
from cyberhost_cli.preprocess import pose, reference, speech
from cyberhost_cli.types import PreparedClip, PreparedReference, PreparedSpeech

log = logging.getLogger(__name__)


def prepare_reference(path: Path, loaded: LoadedPreset) -> PreparedReference:
    """Find, choose and frame the person in a picture, and derive all conditions."""
    preset = loaded.preset
    picture = read_picture(path, preset.picture)
    detector = pose.load(preset.detection)
    return reference.prepare(picture, detector, preset.picture, preset.detection, preset.conditions)


def prepare_speech(path: Path, loaded: LoadedPreset) -> PreparedSpeech:
    """Read a recording and compute its features per video frame."""
    preset = loaded.preset
    recording = read_recording(path, preset.speech)
    samples = resample_mono(recording, preset.speech.sample_rate)
    return PreparedSpeech(speech.logmel(samples, preset.speech, preset.fps), recording, preset.fps)


def prepare_clip(first: Path, second: Path | None, loaded: LoadedPreset) -> PreparedClip:
    """Prepare a picture and a recording, or read the bundles that hold them prepared."""
    if second is None:
        if not is_bundle(first):
            raise UsageError(f"`{first}` alone is not enough", "give a picture and a recording, or a bundle of both")
        return read_clip([first], loaded)
    # Speech first: a recording that cannot be used is found before a detector loads.
    spoken = prepare_speech(second, loaded)
    return PreparedClip(prepare_reference(first, loaded), spoken)


def read_clip(bundles: list[Path], loaded: LoadedPreset) -> PreparedClip:
    """Read a clip from one or more bundles; what several hold is taken from the last.

    Raises:
        UsageError: a part is missing, or was prepared for another preset.
    """
    found: PreparedReference | None = None
    spoken: PreparedSpeech | None = None
    for path in bundles:
        reference_part, speech_part = read_bundle(path)
        found, spoken = reference_part or found, speech_part or spoken
    if found is None or spoken is None:
        missing = "reference" if found is None else "speech"
        names = ", ".join(f"`{path}`" for path in bundles)
        raise UsageError(f"{names}: no {missing} inside", "make one with `cyberhost preprocess` or `cyberhost audio`")
    clip = PreparedClip(found, spoken)
    _check(clip, loaded)
    return clip


def _check(clip: PreparedClip, loaded: LoadedPreset) -> None:
    """Refuse a bundle of another preset's shape."""
    preset = loaded.preset
    speech_config, picture = preset.speech, preset.picture
    facts = {
        "picture": (clip.reference.picture.shape[:2], (picture.height, picture.width)),
        "face crop": (clip.reference.face.shape[0], picture.face_size),
        "hand crop": (clip.reference.hands.shape[1], picture.hand_size),
        "speech features": (clip.speech.features.shape[1:], (speech_config.vectors, speech_config.bands)),
        "fps": (clip.speech.fps, preset.fps),
    }
    for name, (have, want) in facts.items():
        if have != want:
            raise UsageError(
                f"the bundle's {name} is {have}, preset `{loaded.name}` expects {want}",
                f"prepare it again with `--preset {loaded.name}`",
            )
