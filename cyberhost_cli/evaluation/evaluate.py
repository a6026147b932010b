"""Generate held-out actors with their own recordings, and measure what comes of it."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cyberhost_cli import __version__
from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import UsageError
from cyberhost_cli.evaluation.actors import Actor, open_actors
from cyberhost_cli.evaluation.figures import Figures, judge, measure
from cyberhost_cli.evaluation.probes import ACTORS, Probes, probe
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.media.source import file_hash
from cyberhost_cli.media.video import read_frames
from cyberhost_cli.media.writer import check_target, write_video
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines.drive import check_driven
from cyberhost_cli.pipelines.generate import generate
from cyberhost_cli.pipelines.model import ChosenWeights, choose_weights, load, set_up_device
from cyberhost_cli.pipelines.progress import FrameCount, Progress
from cyberhost_cli.types import Figure, Marks

REPORT = "figures.json"
SEED = 0
_SECTIONS = {"fps", "picture", "detection", "speech", "conditions", "gestures", "model", "sampling", "output"}
"""Of a preset: what a generated clip depends on, beside the weights."""
_CHUNK = 64


@dataclass(frozen=True)
class Row:
    """One actor."""

    name: str
    generated: Figures
    real: Figures


class Evaluation:
    """The videos and figures of one preset's weights in a folder; what is there already is kept.

    Raises:
        CyberHostError: the preset has no weights, the actors do not fit it, or the folder cannot be written to.
    """

    def __init__(self, loaded: LoadedPreset, clips: Path, out: Path, count: int | None) -> None:
        check_driven(None, loaded)
        self.weights: ChosenWeights = choose_weights(loaded)
        set_up_device(loaded.preset.device)
        self._loaded, self._out = loaded, out
        self.actors = open_actors(clips, loaded.preset)[:count]
        if os.path.realpath(out) == os.path.realpath(clips):
            raise UsageError(f"`{out}` holds the actors themselves, which would be overwritten", "name another folder")
        out.mkdir(parents=True, exist_ok=True)
        for actor in self.actors:
            check_target(self.film(actor), overwrite=True, output=loaded.preset.output)
        self._digests = [_digest(actor, loaded.preset, self.weights.header.sha256) for actor in self.actors]
        self._made: dict[str, str] = {}
        self.probes: Probes | None = None
        self._model: CyberHost | None = None
        self.rows: list[Row] = []
        self._keep()

    def film(self, actor: Actor) -> Path:
        """Return where the generated clip of an actor lies."""
        return self._out / f"{actor.name}.mp4"

    def run(self, progress: Progress) -> None:
        """Generate and measure one actor after the other; `progress` is told of frames."""
        done = 0
        total = sum(len(actor.truth.mouth) for actor in self.actors)
        for actor, made in zip(self.actors, self._digests, strict=True):
            if self._made.get(actor.name) != made or not self.film(actor).is_file():
                # Told before and after, so that no film is taken for one of other settings.
                self._made.pop(actor.name, None)
                self._write()
                self._generate(actor, _after(progress, done, total))
                self._made[actor.name] = made
                self._write()
            frames = np.concatenate(list(read_frames(self.film(actor), _CHUNK)))
            self.rows.append(Row(actor.name, measure(frames, actor), measure(actor.frames(), actor)))
            done += len(actor.truth.mouth)
            progress(done, total)
            self._write()

    def try_out(self, progress: Progress) -> None:
        """Vary what steers the model, unless that was done; `progress` is told of clips."""
        if self.probes is None:
            self.probes = probe(self.actors, self._load(), progress)
            self._write()

    def judged(self) -> list[Figure]:
        """Return what the weights are judged by; what was probed before counts too, if all of it was the same."""
        figures = judge([row.generated for row in self.rows], [row.real for row in self.rows])
        return figures + ([] if self.probes is None else self.probes.judge())

    def unmeasured(self) -> Mapping[str, str]:
        """Return which figures could not be measured, and why."""
        return {} if self.probes is None else self.probes.unmeasured

    def told(self) -> dict[str, Any]:
        """Return all that was measured, for machines."""
        return {
            "preset": self._loaded.name,
            "checkpoint": self.weights.header.sha256,
            "judged": [{**asdict(figure), "fits": figure.fits} for figure in self.judged()],
            "probes": None if self.probes is None else asdict(self.probes) | {"of": self._digests[:ACTORS]},
            "actors": [asdict(row) for row in self.rows],
        }

    def _load(self) -> CyberHost:
        if self._model is None:
            self._model = load(self.weights, self._loaded)
        return self._model

    def _generate(self, actor: Actor, progress: Progress) -> None:
        preset, clip = self._loaded.preset, actor.prepared
        count = FrameCount(clip.frames, progress, sampling=preset.sampling.steps, decoding=True)
        frames = count.decoded(generate(clip, self._load(), preset, SEED, count.sampled))
        marks = Marks(self._loaded.name, SEED, self.weights.header.sha256)
        size = (preset.picture.width, preset.picture.height)
        sound = clip.speech.recording
        write_video(self.film(actor), frames, size, preset.fps, sound, preset.output, marks, overwrite=True)

    def _keep(self) -> None:
        """Take over, by actor, the digests of what the clips that are there depended on, and the probes of the same."""
        try:
            told = json.loads((self._out / REPORT).read_text(encoding="utf-8"))
            self._made = dict(told["made"])
            if told["probes"] is not None and told["probes"]["of"] == self._digests[:ACTORS]:
                self.probes = Probes.read(told["probes"])
        except (OSError, ValueError, KeyError, TypeError):
            return

    def _write(self) -> None:
        with atomic_file(self._out / REPORT) as part:
            part.write_text(json.dumps({**self.told(), "made": self._made}, indent=1), encoding="utf-8")


def _after(progress: Progress, before: int, total: int) -> Progress:
    """Return what tells `progress` of more work, after that `before`."""

    def tell(done: int, _total: int) -> None:
        progress(before + done, total)

    return tell


def _digest(actor: Actor, preset: Preset, checkpoint: str) -> str:
    """Return the digest of all that a generated clip depends on."""
    files = [file_hash(actor.path.with_suffix(suffix)) for suffix in (".mp4", ".wav", ".safetensors")]
    facts = [__version__, preset.model_dump(mode="json", include=_SECTIONS), checkpoint, SEED, files]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
