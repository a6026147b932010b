"""What was found and measured, for machines that read JSON."""

from dataclasses import asdict
from typing import Any

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.preprocess import clarity, movement
from cyberhost_cli.types import Figure, PreparedReference, PreparedSpeech
from cyberhost_cli.weights.header import read_clarity_half


def summarise(
    reference: PreparedReference | None, speech: PreparedSpeech | None, loaded: LoadedPreset
) -> dict[str, Any]:
    """Return what JSON can hold of a person and a recording: place, rectangle of the body's movement in
    pixels of the frame, clarity of the hands, length and all figures."""
    told: dict[str, Any] = {}
    figures: tuple[Figure, ...] = ()
    if reference is not None:
        figures += reference.figures
        half = clarity_half(loaded)
        told["movement"] = asdict(movement.wanted(reference.keypoints, loaded.preset.conditions.movement))
        told["placement"] = asdict(reference.placement)
        told["hands"] = [
            _hand(name, float(deviation), half)
            for name, deviation in zip(("left", "right"), reference.deviation, strict=True)
        ]
    if speech is not None:
        figures += speech.figures
        told |= {"frames": speech.frames, "fps": speech.fps}
    told["figures"] = [{**asdict(figure), "fits": figure.fits} for figure in figures]
    return told


def clarity_half(loaded: LoadedPreset) -> float | None:
    """Return what the preset's weights know of hands; None without weights, which preprocessing does not need."""
    path = loaded.checkpoint
    return None if path is None or not path.is_file() else read_clarity_half(path)


def _hand(name: str, deviation: float, half: float | None) -> dict[str, Any]:
    """Return how sharp a hand is; the score needs weights, which know what is usual."""
    seen = deviation > 0
    score = clarity.score(deviation, half) if seen and half is not None else None
    return {"hand": name, "seen": seen, "deviation": deviation, "clarity": score}
