"""Recordings from files, and their resampling."""

import logging
import math
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from av.container import InputContainer
from jaxtyping import Float32

from cyberhost_cli.config.inputs import SpeechConfig
from cyberhost_cli.errors import InputError
from cyberhost_cli.media.source import check_source, open_source
from cyberhost_cli.types import Recording

_LOG = logging.getLogger(__name__)
_KIND = "recording"
_SILENCE = 1e-3
"""Peak, 60 dB below full scale: softer than the breath of any speaker before a microphone."""
_SURROUND = {
    6: (0.5, 0.5, 0.707, 0.0, 0.354, 0.354),
    8: (0.5, 0.5, 0.707, 0.0, 0.354, 0.354, 0.354, 0.354),
}
"""Shares of the channels of 5.1 and 7.1 in one: left, right, centre, bass, then the rear and the sides."""
_CANCELLED = 0.1
"""Of the power that channels with nothing in common would have together; any sound recorded twice has more than 1."""


def read_recording(path: Path, config: SpeechConfig) -> Recording:
    """Read WAV, FLAC, OGG, MP3, M4A or the sound track of a video, at its own rate and with all its channels.

    Silence is only warned of.

    Raises:
        InputError: Missing, damaged, cut off, without sound, too short, too long, or with samples that are no numbers.
    """
    check_source(path, _KIND)
    recording = _read_soundfile(path, config) or _read_container(path, config)
    _check_length(path, recording.seconds, config)
    broken = int(np.count_nonzero(~np.isfinite(recording.samples)))
    if broken:
        raise InputError(
            f"`{path}` holds {broken} samples that are not finite numbers (NaN or infinite)", "export the sound again"
        )
    peak = float(np.abs(recording.samples).max())
    if peak < _SILENCE:
        _LOG.warning("`%s` is silent, its loudest sample is %.5f of full scale; the mouth will rest", path, peak)
    return recording


def resample_mono(recording: Recording, rate: int) -> Float32[np.ndarray, "n"]:
    """Return all channels as one at `rate` samples per second.

    Two channels count the same. Of surround sound, in the order of WAV and FFmpeg, the centre with the voice counts
    more, the rear less and the bass not at all (ITU-R BS.775). Where the channels cancel each other out, the loudest
    is taken.
    """
    return np.asarray(soxr.resample(_mono(recording.samples), recording.rate, rate), dtype=np.float32)


def _mono(samples: Float32[np.ndarray, "n c"]) -> Float32[np.ndarray, "n"]:
    channels = samples.shape[1]
    if channels == 1:
        return samples[:, 0]
    weights = np.array(_SURROUND.get(channels, (1.0,) * channels), dtype=np.float32)
    weights /= weights.sum()
    mono: np.ndarray = samples @ weights
    power = np.array([_power(channel) for channel in samples.T])
    if _power(mono) >= _CANCELLED * (weights**2 @ power):
        return mono
    loudest = int(power.argmax())
    _LOG.warning(
        "the channels of the recording cancel each other out, one may be turned upside down: only channel %d is heard; "
        "export the voice as mono if that is the wrong one",
        loudest + 1,
    )
    return samples[:, loudest]


def _power(channel: Float32[np.ndarray, "n"]) -> float:
    """Return the mean square, added up in double precision, since an hour's would stop growing in single."""
    return float(np.einsum("n,n->", channel, channel, dtype=np.float64)) / len(channel)


def _check_length(path: Path, seconds: float, config: SpeechConfig) -> None:
    if seconds < config.min_seconds:
        raise InputError(
            f"`{path}` lasts {seconds:.2f} s, expected at least {config.min_seconds:g} s",
            "give a longer recording, or lower the limit with `--set speech.min_seconds=...`",
        )
    if seconds > config.max_seconds:
        raise InputError(
            f"`{path}` lasts {seconds:.0f} s, expected at most {config.max_seconds:g} s",
            f"cut the recording, or raise the limit with `--set speech.max_seconds={math.ceil(seconds)}`",
        )


def _read_soundfile(path: Path, config: SpeechConfig) -> Recording | None:
    """Read what libsndfile knows; None for the rest, and for MP3, of which it tells less than FFmpeg."""
    try:
        # TypeError: of a name that ends in .raw soundfile wants to be told the rate.
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError):
        return None
    with file:
        if file.format in {"MP3", "MPEG"}:
            return None
        if _is_cut(path, file.format):
            raise _cut_off(path)
        _check_length(path, file.frames / file.samplerate, config)
        try:
            return Recording(file.read(dtype="float32", always_2d=True), file.samplerate)
        except soundfile.LibsndfileError as error:
            raise _cut_off(path) from error


def _is_cut(path: Path, container: str) -> bool:
    """Tell whether a WAV or OGG file ends too early, which libsndfile passes over in silence."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if container in {"WAV", "WAVEX"}:
            declared = int.from_bytes(file.read(8)[4:], "little")
            # Many programs are off by a few bytes; one that streams cannot know, and writes about 2 or 4 GiB.
            return size + 1024 < declared < 0x7FFFF000
        if container == "OGG":
            largest_page = 0x10000
            file.seek(max(0, size - largest_page))
            tail = file.read()
            page = tail[tail.rfind(b"OggS") :]
            # RFC 3533: 27 bytes, the last of which counts the segments, then the length of each, then they.
            return len(page) < 27 or len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])
    return False


def _cut_off(path: Path) -> InputError:
    return InputError(f"`{path}` is damaged or cut off", "copy or export the sound again")


def _read_container(path: Path, config: SpeechConfig) -> Recording:
    with open_source(path, _KIND) as container:
        if not container.streams.audio:
            raise InputError(f"`{path}` holds no sound", "give a recording, or a video with a sound track")
        stream = container.streams.audio[0]
        told = None
        if stream.duration is not None and stream.time_base is not None:
            told = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            told = container.duration / av.time_base
        if told is not None:
            _check_length(path, told, config)
        recording = _decode(path, container, config)
    # Raw AAC tells no length, FFmpeg guesses one.
    if told is None or container.format.name == "aac":
        return recording
    if recording.seconds < 0.98 * told - 0.1:
        raise _cut_off(path)
    # The last packet is filled up to its full length, only the header knows where the sound ends.
    return Recording(recording.samples[: round(told * recording.rate)], recording.rate)


def _decode(path: Path, container: InputContainer, config: SpeechConfig) -> Recording:
    to_float = av.AudioResampler(format="fltp")
    parts: list[Float32[np.ndarray, "c n"]] = []
    seconds, rate = 0.0, 0
    try:
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray().astype(np.float32, copy=False) for part in to_float.resample(frame)]
            rate = frame.sample_rate
            seconds += frame.samples / rate
            # The header may have told nothing, or too little.
            if seconds > config.max_seconds + 1:
                _check_length(path, seconds, config)
    except ValueError as error:
        # Also what the resampler raises when the layout changes half-way.
        raise _cut_off(path) from error
    if not parts:
        raise _cut_off(path)
    samples: Float32[np.ndarray, "c n"] = np.concatenate(parts, axis=1)
    return Recording(samples.T, rate)
