"""What this machine has, and what it lacks."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import get_args

import psutil
import torch
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from cyberhost_cli.config import store
from cyberhost_cli.config.load import load_preset
from cyberhost_cli.config.schema import DetectionConfig
from cyberhost_cli.errors import CyberHostError
from cyberhost_cli.pipelines.model import choose_weights, set_up_device
from cyberhost_cli.preprocess import pose

CODECS = {"libx264": "H.264 video", "prores_ks": "ProRes video", "aac": "sound of MP4"}
SYNTH = {"anny": "bodies", "warp": "rendering", "espeakng_loader": "speech"}
"""Packages that `cyberhost synth` needs."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `remedy` says how to get it where it is lacking."""

    topic: str
    ok: bool
    found: str
    remedy: str | None = None


def examine() -> list[Finding]:
    """Look at the machine, the packages and every preset."""
    return [*_machine(), *_codecs(), *_detectors(), *_synthesiser(), *map(_preset, store.files())]


def _machine() -> Iterator[Finding]:
    memory = psutil.virtual_memory()
    yield Finding("python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("torch", True, torch.__version__)
    yield Finding("device", True, _device())
    yield Finding("memory", True, f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free")
    yield Finding("cores", True, f"{psutil.cpu_count()}, of which torch uses {torch.get_num_threads()}")


def _device() -> str:
    if not torch.cuda.is_available():
        return "CPU only"
    free, total = torch.cuda.mem_get_info()
    return f"{torch.cuda.get_device_name()}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"


def _codecs() -> Iterator[Finding]:
    for name, purpose in CODECS.items():
        try:
            Codec(name, "w")
        except UnknownCodecError:
            yield Finding(f"codec {name}", False, f"no {purpose}", "`python -m pip install --force-reinstall av`")
        else:
            yield Finding(f"codec {name}", True, purpose)


def _detectors() -> Iterator[Finding]:
    for name in get_args(DetectionConfig.model_fields["detector"].annotation):
        try:
            _load_detector(name)
        except CyberHostError as error:
            yield Finding(f"detector {name}", False, error.message, error.hint)
        else:
            yield Finding(f"detector {name}", True, "people, faces and hands in pictures")


@cache
def _load_detector(name: str) -> None:
    pose.load(DetectionConfig.model_validate({"detector": name, "min_confidence": 0.5}))


def _synthesiser() -> Iterator[Finding]:
    for package, purpose in SYNTH.items():
        if find_spec(package):
            yield Finding(f"synth {package}", True, purpose)
        else:
            yield Finding(f"synth {package}", False, f"no {purpose}", "`python -m pip install 'cyberhost[synth]'`")


def _preset(name: str) -> Finding:
    """Try all that generating with a preset needs, but for loading the model."""
    topic = f"preset {name}"
    try:
        loaded = load_preset(name)
        set_up_device(loaded.preset.device)
        _load_detector(loaded.preset.detection.detector)
        weights = choose_weights(loaded)
    except CyberHostError as error:
        return Finding(topic, False, error.message, error.hint)
    return Finding(topic, True, f"can generate with `{weights.path}`")
