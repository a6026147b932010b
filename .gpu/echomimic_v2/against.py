"""Measures our engine against EchoMimicV2's own code: the same weights, inputs and windows, in turns.

    PYTHONPATH=. python .gpu/echomimic_v2/against.py CHECKOUT --python THEIR_PYTHON [--side 512] [--dtype float16] ...

CHECKOUT is antgroup/echomimic_v2, THEIR_PYTHON one with `diffusers==0.31.0 transformers==4.46.3 einops omegaconf`.
Tells the difference of the latents, over the largest of theirs, and ratios of what theirs takes over what ours takes,
as lowest, median and highest of the pairs. From the picture to finished latents; decoding is the same for both.
"""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
import typer
from safetensors.torch import load_file
from torch import Tensor

from cyberhost_cli.config.load import LoadedPreset, load_preset
from cyberhost_cli.pipelines.bench.meter import counting, forget_peak, peak_bytes, synchronise
from cyberhost_cli.pipelines.model import ChosenWeights, load
from cyberhost_cli.weights.header import read_header
from cyberhost_cli.weights.importers.convert import convert
from cyberhost_cli.weights.importers.echomimic_v2 import ECHOMIMIC_V2
from cyberhost_cli.weights.importers.recognition import recognise
from tests.parity.echomimic_v2 import sampled

Told = dict[str, Any]
THEIRS = Path(__file__).with_name("theirs.py")


class Ours:
    """Our model with their weights."""

    def __init__(self, folder: Path, loaded: LoadedPreset, steps: int) -> None:
        """Import the weights and put the inputs on the device."""
        self.preset, self.steps = loaded.preset, steps
        out, dtype = folder / "ours.safetensors", getattr(torch, loaded.preset.device.dtype)
        config = loaded.preset.model
        convert(ECHOMIMIC_V2, recognise(ECHOMIMIC_V2, [folder], None), config, out, dtype, lambda *_: None)
        self.model = load(ChosenWeights(out, read_header(out)), loaded)
        self.device = self.model.device
        given = {name: value.to(self.device) for name, value in load_file(folder / "inputs.safetensors").items()}
        self.noise = given["noise"].transpose(1, 2)
        self.audio = given["audio"][None].to(dtype)
        self.picture = (given["picture"].movedim(-1, 0)[None] / 127.5 - 1).to(dtype)
        self.maps = (given["maps"] / 255).transpose(1, 2).to(dtype)

    def sample(self) -> Tensor:
        """Return latents as theirs: our guidance and our solver in their windows."""
        clip = self.picture, self.noise, self.audio, self.maps
        return sampled(self.model, self.preset.sampling, self.steps, *clip).transpose(1, 2).float()

    def measure(self) -> Told:
        """Sample once and return what it took."""
        synchronise(self.device)
        clock, processors = time.perf_counter(), time.process_time()
        self.sample()
        synchronise(self.device)
        return {"seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - processors}


class Theirs:
    """Their process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def ask(self, line: str) -> Told:
        """Return what it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if line:
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        if not (answer := self.process.stdout.readline()):
            raise SystemExit("their process has ended; what it said stands above")
        return json.loads(answer)


@contextmanager
def started(options: argparse.Namespace, folder: Path, device: str) -> Iterator[Theirs]:
    """Yield their process, ready to be asked."""
    settings = {"side": options.side, "frames": options.frames, "steps": options.steps, "widths": options.widths}
    settings |= {"dtype": options.dtype, "device": device}
    command = [options.python, THEIRS, options.checkout.resolve(), folder]
    command += [f"--{name}={value}" for name, value in settings.items()]
    where = {**os.environ, "PYTHONPATH": str(options.checkout.resolve())}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=where) as process:
        theirs = Theirs(process)
        theirs.ask("")
        try:
            yield theirs
        finally:
            process.kill()


def compare(ours: Ours, theirs: Theirs, folder: Path, repeats: int) -> Told:
    """Run both in turns, another one first each time, after a run of each that counts arithmetic and warms up."""
    counted = theirs.ask("count")["flop"]
    with counting(ours.device) as meter, meter.part("all"):
        ours.sample()
    # What is compiled ran as it was written just now.
    mine, wanted = ours.sample().cpu(), load_file(folder / "theirs.safetensors")["latents"]
    forget_peak(ours.device)
    pairs: list[tuple[Told, Told]] = []
    for number in range(repeats):
        if number % 2:
            own, other = ours.measure(), theirs.ask("measure")
        else:
            other, own = theirs.ask("measure"), ours.measure()
        pairs.append((other, own))
    told: Told = {"difference": float((mine - wanted).abs().max() / wanted.abs().max())}
    told["flop"] = {"theirs": counted, "ours": meter.spent["all"].flop, "ratio": counted / meter.spent["all"].flop}
    for kind in ("seconds", "cpu_seconds"):
        ratios = sorted(other[kind] / own[kind] for other, own in pairs)
        halves = {"theirs": median(other[kind] for other, _ in pairs), "ours": median(own[kind] for _, own in pairs)}
        told[kind] = {**halves, "ratio": [ratios[0], median(ratios), ratios[-1]]}
    if ours.device.type == "cuda":
        told["peak"] = {"theirs": theirs.ask("peak")["peak"], "ours": peak_bytes(ours.device)}
    return told


def main() -> None:
    """Print what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--python", required=True, help="what runs their code")
    parser.add_argument("--side", type=int, default=512, help="height and width of the picture (%(default)s)")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dtype", default="float16", help="of both (%(default)s); float32 on a CPU")
    parser.add_argument("--widths", default="320,640,1280,1280", help="channels of each level (%(default)s)")
    parser.add_argument("--set", action="append", default=[], help="for ours, as `device.compile=true`")
    options = parser.parse_args()
    own = [f"device.dtype={options.dtype}", f"model.backbone.widths=[{options.widths}]", *options.set]
    loaded = load_preset("echomimic-v2", own)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with TemporaryDirectory(prefix="cyberhost-against-") as name, started(options, Path(name), device) as theirs:
        ours = Ours(Path(name), loaded, options.steps)
        typer.echo(json.dumps(compare(ours, theirs, Path(name), options.repeats), indent=1))


if __name__ == "__main__":
    main()
