"""What this machine has, and what it lacks."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import get_args

import psutil
import torch
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from cyberhost_cli.config.inputs import DetectionConfig
from cyberhost_cli.config.load import load_preset
from cyberhost_cli.config.store import files
from cyberhost_cli.errors import CyberHostError
from cyberhost_cli.pipelines.detectors import pose_detector
from cyberhost_cli.pipelines.model import choose_weights, set_up_device
from cyberhost_cli.weights import catalogue, store

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
    return [*_machine(), *_codecs(), *_detectors(), *_weights(), *_synthesiser(), *map(_preset, files())]


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
    base = load_preset("base").preset
    for name in get_args(DetectionConfig.model_fields["detector"].annotation):
        try:
            pose_detector(base.detection.model_copy(update={"detector": name}), base.store)
        except CyberHostError as error:
            yield Finding(f"detector {name}", False, error.message, error.hint)
        else:
            yield Finding(f"detector {name}", True, "people, faces and hands in pictures")


def _weights() -> Iterator[Finding]:
    models = store.folder_of_models(load_preset("base").preset.store)
    for entry in catalogue.ENTRIES:
        folder = store.held(entry, models)
        fetch = f"`cyberhost weights fetch {entry.name}`"
        if folder is None:
            yield Finding(f"weights {entry.name}", False, "not on this machine", fetch)
        else:
            yield Finding(f"weights {entry.name}", True, str(folder))


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
        pose_detector(loaded.preset.detection, loaded.preset.store)
        weights = choose_weights(loaded)
    except CyberHostError as error:
        return Finding(topic, False, error.message, error.hint)
    return Finding(topic, True, f"can generate with `{weights.path}`")
