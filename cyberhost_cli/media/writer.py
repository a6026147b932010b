"""Frames and sound into a video file or a folder of pictures."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import av
import numpy as np
import soxr
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter
from jaxtyping import Float32
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cyberhost_cli.config.running import OutputConfig
from cyberhost_cli.errors import UsageError
from cyberhost_cli.media import marks as marking
from cyberhost_cli.media.atomic import atomic_file, atomic_folder
from cyberhost_cli.types import Frames, Marks, Pixels, Recording

SOUND_RATE = 48_000
"""Hz of every sound track, the rate that video is made with."""

SOUND_NAME = "speech.wav"
"""The sound track beside a sequence of pictures."""

# x264 and ProRes code the same frames differently with another number of threads.
_THREADS = 4
_SUFFIXES = {"h264": (".mp4", ".mov"), "prores": (".mov",)}


@dataclass(frozen=True)
class _Codecs:
    video: Literal["libx264", "prores_ks"]
    options: dict[str, str]
    pixel_format: str
    sound: Literal["aac", "pcm_s24le"]


def check_target(path: Path, overwrite: bool, output: OutputConfig) -> None:
    """Refuse, before anything is computed, a `path` that `write_video` could not write.

    Raises:
        UsageError: No such folder, not writable, a suffix that does not fit the format, or already there.
    """
    if output.format == "png":
        _check_folder(path, overwrite)
    else:
        _check_file(path, overwrite, output.format)
    parent = path.resolve().parent
    if not parent.is_dir():
        raise UsageError(f"there is no folder `{parent}`", "make it first, or write elsewhere")
    try:
        # Tried, since permission bits do not tell of read-only disks and network shares; by a file without a name, so
        # that nothing stays behind of a run that is stopped here.
        with TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise UsageError(f"cannot write into `{parent}`: {error.strerror}", "write elsewhere") from error


def write_video(
    path: Path,
    frames: Iterable[Frames],
    size: tuple[int, int],
    fps: int,
    recording: Recording,
    output: OutputConfig,
    marks: Marks | None,
    overwrite: bool,
) -> None:
    """Write `frames` of `size` (width, height) as they come, and as much of the sound as they last.

    `path` is whole when this returns, and as it was before when this raises. The same input gives the same bytes.
    What no model generated has no marks.

    Raises:
        UsageError: `check_target` says no; raised before the first frame is asked for.
        CyberHostError: The disk is full.
    """
    check_target(path, overwrite, output)
    sound = _at_sound_rate(recording)
    if output.format == "png":
        with atomic_folder(path) as folder:
            _write_pictures(folder, _single(frames, size), fps, sound, marks)
    else:
        with atomic_file(path) as temporary:
            _write_container(temporary, _single(frames, size), size, fps, sound, output, marks)


def _check_file(path: Path, overwrite: bool, kind: str) -> None:
    suffixes = _SUFFIXES[kind]
    if path.suffix.lower() not in suffixes:
        raise UsageError(
            f"`{path}` does not end in {' or '.join(suffixes)}, as format {kind} needs",
            "rename it, or choose a format with `--set output.format=h264`, `prores` or `png`",
        )
    if path.is_dir():
        raise UsageError(f"`{path}` is a folder, expected a file", "name another file")
    if path.exists() and not overwrite:
        raise UsageError(f"`{path}` exists", "name another file, or add `--overwrite`")


def _check_folder(path: Path, overwrite: bool) -> None:
    if path.suffix.lower() in {".mp4", ".mov", ".png"}:
        raise UsageError(
            f"`{path}` looks like a file, but format png writes a folder",
            "name a folder, or choose a format with `--set output.format=h264`",
        )
    if not path.exists():
        return
    if not path.is_dir():
        raise UsageError(f"`{path}` is a file, expected a folder", "name another folder")
    files = [file.name for file in path.iterdir()]
    if files and not overwrite:
        raise UsageError(f"`{path}` exists", "name another folder, or add `--overwrite`")
    # The whole folder is replaced, so it must hold nothing else: think of `-o ~ --overwrite`.
    strangers = sorted(name for name in files if name != SOUND_NAME and not name.endswith(".png"))
    if strangers:
        raise UsageError(f"`{path}` holds more than a sequence, such as `{strangers[0]}`", "name another folder")


def _single(frames: Iterable[Frames], size: tuple[int, int]) -> Iterator[Pixels]:
    empty = True
    for chunk in frames:
        if chunk.shape[2:0:-1] != size:
            raise ValueError(f"frames of shape {chunk.shape} for a video of {size[0]}x{size[1]}")
        empty = empty and len(chunk) == 0
        yield from chunk
    if empty:
        raise ValueError("no frames for a video")


def _at_sound_rate(recording: Recording) -> Float32[np.ndarray, "n c"]:
    """Return one or two channels at `SOUND_RATE`; more are mixed into one."""
    samples = recording.samples
    if samples.shape[1] > 2:
        samples = samples.mean(axis=1, keepdims=True, dtype=np.float32)
    if recording.rate == SOUND_RATE:
        return samples
    return np.asarray(soxr.resample(samples, recording.rate, SOUND_RATE), dtype=np.float32)


class _SoundTrack:
    """A sound stream that is filled up to a given time, with silence where the recording has ended."""

    def __init__(
        self,
        container: OutputContainer,
        codec: Literal["aac", "pcm_s24le"],
        sound: Float32[np.ndarray, "n c"],
        kbps: int | None,
    ) -> None:
        self._container, self._sound, self._written = container, sound, 0
        self._layout = "mono" if sound.shape[1] == 1 else "stereo"
        self._stream = container.add_stream(codec, rate=SOUND_RATE, layout=self._layout)
        if kbps is not None:
            self._stream.bit_rate = kbps * 1000

    def fill(self, until: int) -> None:
        """Write the samples before number `until` that are not written yet."""
        part = self._sound[self._written : until].T
        part = np.pad(part, ((0, 0), (0, until - self._written - part.shape[1])))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, self._written, Fraction(1, SOUND_RATE)
        self._container.mux(self._stream.encode(frame))
        self._written = until

    def end(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))


def _write_container(
    path: Path,
    frames: Iterable[Pixels],
    size: tuple[int, int],
    fps: int,
    sound: Float32[np.ndarray, "n c"],
    output: OutputConfig,
    marks: Marks | None,
) -> None:
    codecs = _codecs(output)
    with av.open(str(path.absolute()), "w", options={"movflags": "+faststart"}) as container:
        container.metadata.update(_fields(marks))
        stream = container.add_stream(codecs.video, rate=fps, options=codecs.options)
        stream.width, stream.height = size
        stream.pix_fmt = codecs.pixel_format
        stream.codec_context.thread_count = _THREADS
        stream.codec_context.color_range = ColorRange.MPEG
        stream.codec_context.color_primaries = ColorPrimaries.BT709
        stream.codec_context.color_trc = ColorTrc.BT709
        stream.codec_context.colorspace = 1
        track = _SoundTrack(container, codecs.sound, sound, output.audio_kbps if codecs.sound == "aac" else None)
        convert = VideoReformatter()
        for number, pixels in enumerate(frames):
            frame = _to_bt709(pixels, codecs.pixel_format, convert)
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
            track.fill(_samples(number + 1, fps))
        container.mux(stream.encode(None))
        track.end()


def _fields(marks: Marks | None) -> dict[str, str]:
    return {} if marks is None else {marking.FIELD: marking.to_text(marks)}


def _codecs(output: OutputConfig) -> _Codecs:
    if output.format == "h264":
        # With macroblock trees, this x264's vector code gives other bytes from run to run (1 in 4 on a busy machine).
        options = {"crf": str(output.crf), "x264-params": "mbtree=0"}
        return _Codecs("libx264", options, "yuv420p", "aac")
    return _Codecs("prores_ks", {"profile": "hq", "vendor": "apl0"}, "yuv422p10le", "pcm_s24le")


def _to_bt709(pixels: Pixels, pixel_format: str, convert: VideoReformatter) -> av.VideoFrame:
    return convert.reformat(
        av.VideoFrame.from_ndarray(pixels, format="rgb24"),
        format=pixel_format,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
        threads=1,
    )


def _samples(frames: int, fps: int) -> int:
    return round(Fraction(frames * SOUND_RATE, fps))


def _write_pictures(
    folder: Path, frames: Iterable[Pixels], fps: int, sound: Float32[np.ndarray, "n c"], marks: Marks | None
) -> None:
    info = PngInfo()
    for name, text in _fields(marks).items():
        info.add_text(name, text)
    number = 0
    for number, pixels in enumerate(frames, start=1):
        Image.fromarray(pixels).save(folder / f"{number:06d}.png", pnginfo=info)
    with av.open(str((folder / SOUND_NAME).absolute()), "w") as container:
        container.metadata.update(_fields(marks))
        track = _SoundTrack(container, "pcm_s24le", sound, None)
        track.fill(_samples(number, fps))
        track.end()
