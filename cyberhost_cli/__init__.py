"""A picture and a recording become a talking video."""

__version__ = "0.1.0"

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyberhost_cli.types import Frames


def generate(
    reference: str | Path,
    speech: str | Path | None,
    out: str | Path,
    preset: str = "demo",
    seed: int = 0,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
    composite: bool = False,
    pose_video: str | Path | None = None,
    hand_poses: str | Path | None = None,
) -> None:
    """Make a video of the person in a picture talking, as `cyberhost generate` does.

    Args:
        reference: a picture, or a bundle of `cyberhost preprocess`.
        speech: a recording; none after a bundle.
        out: what to write.
        preset: name of a preset, or path of its YAML file.
        seed: the same seed gives the same video.
        overrides: fields of the preset to change, as `sampling.steps=12`.
        overwrite: replace what is already there.
        composite: put the person back into the whole picture.
        pose_video: a video, or a track of `cyberhost track`, whose poses the whole body follows.
        hand_poses: the same for the hands alone, a folder of EchoMimicV2's poses, or `auto` for gestures of our own.

    Raises:
        CyberHostError: an input, the preset or the output cannot be used; nothing is written.
    """
    from cyberhost_cli.config.load import load_preset
    from cyberhost_cli.pipelines import needs

    loaded = load_preset(preset, overrides)
    needs.require(loaded, needs.to_generate(speech))
    from cyberhost_cli.pipelines.drive import Drivers
    from cyberhost_cli.pipelines.generate import Request, generate_file
    from cyberhost_cli.pipelines.progress import silent

    drivers = Drivers(_path(pose_video), "auto" if hand_poses == "auto" else _path(hand_poses))
    request = Request(Path(reference), _path(speech), Path(out), seed, overwrite, composite, drivers)
    generate_file(request, loaded, silent)


def frames(
    reference: str | Path,
    speech: str | Path | None,
    preset: str = "demo",
    seed: int = 0,
    overrides: Sequence[str] = (),
) -> "Iterator[Frames]":
    """Yield the frames that `generate` would write, some at a time and in order, as RGB bytes.

    Raises:
        CyberHostError: an input or the preset cannot be used; raised at the call, before the first frame.
    """
    from cyberhost_cli.config.load import load_preset
    from cyberhost_cli.pipelines import needs

    loaded = load_preset(preset, overrides)
    needs.require(loaded, needs.to_generate(speech))
    from cyberhost_cli.pipelines.drive import NOBODY
    from cyberhost_cli.pipelines.generate import generate as generate_frames
    from cyberhost_cli.pipelines.model import choose_weights, load
    from cyberhost_cli.pipelines.prepare import prepare_clip
    from cyberhost_cli.pipelines.progress import silent

    weights = choose_weights(loaded)
    clip = prepare_clip(Path(reference), _path(speech), loaded, NOBODY, silent, seed)
    return generate_frames(clip, load(weights, loaded), loaded.preset, seed)


def _path(name: str | Path | None) -> Path | None:
    return None if name is None else Path(name)
