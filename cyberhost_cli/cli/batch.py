"""`cyberhost batch`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cyberhost_cli.cli import files, interrupt, talk
from cyberhost_cli.cli.manifest import read_checked
from cyberhost_cli.cli.options import JsonOpt, PresetOpt, SetOpt
from cyberhost_cli.errors import UsageError
from cyberhost_cli.farm.claims import LEASE

if TYPE_CHECKING:
    from cyberhost_cli.farm.batch import Batch
    from cyberhost_cli.farm.events import Event, Tell
    from cyberhost_cli.farm.manifest import Manifest
    from cyberhost_cli.farm.results import Results
    from cyberhost_cli.farm.shard import Shard

SOME_FAILED = 3
"""Exit code of a batch of which some rows failed."""
RETRIES = 2


class Engine(StrEnum):
    """Who runs the rows."""

    HERE = "here"
    RAY = "ray"


ManifestArg = Annotated[str, typer.Argument(metavar="MANIFEST", help="Rows of CSV or JSONL; `-` reads stdin.")]
OutRootOpt = Annotated[
    Path | None, typer.Option("--out-root", metavar="PATH", help="Folder that all outputs must lie in.")
]
RetriesOpt = Annotated[
    int, typer.Option("--retries", min=0, metavar="N", help="How often a fault that can pass is tried again.")
]
ForceOpt = Annotated[
    bool, typer.Option("--force", help="Make all rows anew, and replace whatever is where outputs shall be.")
]
ShardOpt = Annotated[str | None, typer.Option(metavar="I/N", help="Make only a fixed share of the rows, as 2/5.")]
ClaimOpt = Annotated[
    bool, typer.Option("--claim", help="Share the rows with all who run this on the same manifest, on any hosts.")
]
LeaseOpt = Annotated[
    float, typer.Option(min=0.5, metavar="SECONDS", help="With --claim: a worker silent for so long counts as dead.")
]
GpusOpt = Annotated[str | None, typer.Option(metavar="0,1,…|all", help="Start a worker for each of these GPUs.")]
WorkersOpt = Annotated[int | None, typer.Option(min=1, metavar="N", help="Start so many workers on the CPU.")]
EngineOpt = Annotated[Engine, typer.Option(help="Make rows in this process, or on a Ray cluster.")]
AddressOpt = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Of the Ray cluster; none starts one here.")]
GpusPerRowOpt = Annotated[
    float | None, typer.Option(min=0, metavar="N", help="With Ray: GPUs that a row takes, as 0.5 for two on one.")
]
ReportOpt = Annotated[Path | None, typer.Option(metavar="PATH", help="Write a page that shows every row, as HTML.")]
OpenjdOpt = Annotated[bool, typer.Option("--openjd", help="Print progress as Open Job Description's runners read it.")]


def batch(
    manifest: ManifestArg,
    overrides: SetOpt,
    preset: PresetOpt = "demo",
    out_root: OutRootOpt = None,
    retries: RetriesOpt = RETRIES,
    force: ForceOpt = False,
    shard: ShardOpt = None,
    claim: ClaimOpt = False,
    lease: LeaseOpt = LEASE,
    gpus: GpusOpt = None,
    workers: WorkersOpt = None,
    engine: EngineOpt = Engine.HERE,
    address: AddressOpt = None,
    gpus_per_row: GpusPerRowOpt = None,
    report: ReportOpt = None,
    openjd: OpenjdOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Make a video for every row of a manifest.

    Columns are `ref`, `audio` and `out`, and may be `id`, `seed`, `preset`, `hand_poses`, `pose_video`, `composite` and
    `set.KEY` for any field of the preset; relative paths begin at the manifest. All of it is checked before anything
    is made. A row that fails stops no other. What becomes of each is kept in `MANIFEST.results.jsonl`, and the same
    command again, without `--force`, makes only what is missing.

    Exit code: 0 all done, 3 some rows failed, 2 the manifest cannot be used, 130 interrupted; the same command goes on.

    \b
    Examples:
      cyberhost batch manifest.csv --report report.html
      cyberhost batch manifest.csv --gpus all
      cyberhost batch manifest.csv --claim           # on as many hosts as there are
      cyberhost batch manifest.csv --engine ray --address ray://head:10001
      cyberhost batch - --preset draft --set output.crf=20 < rows.jsonl
    """
    _check_together(claim, force, gpus, workers, engine)
    share, places, fed = _share(shard), _places(gpus, workers, engine, address), _fed(manifest)
    read, results = read_checked(manifest, preset, overrides, out_root, force, fed)
    _check_outputs(report, Path(manifest), read, results)
    with interrupt.at_once_if_again() as check, _followed(as_json, openjd, check) as tell:
        job = _job(read, share, results, retries, force, tell)
        if engine is Engine.RAY:
            job.on_ray(address, gpus_per_row)
        elif places:
            _by_crew(job, places, lease, fed)
        else:
            job.here(lease if claim else None)
    _report(report, "Standard input" if fed is not None else Path(manifest).name, job)
    _conclude(job)


def _check_together(claim: bool, force: bool, gpus: str | None, workers: int | None, engine: Engine) -> None:
    """Refuse options that mean nothing together."""
    if gpus is not None and workers is not None:
        raise UsageError("`--gpus` and `--workers` cannot be used together", "choose one of them")
    if engine is Engine.RAY and (claim or gpus is not None or workers is not None):
        raise UsageError("`--engine ray` shares the rows by itself", "leave out `--gpus`, `--workers` and `--claim`")
    if claim and force:
        # Each would make anew what another one just made.
        raise UsageError("`--force` and `--claim` cannot be used together", "use `--force` without `--claim` first")


def _share(shard: str | None) -> "Shard | None":
    from cyberhost_cli.farm.shard import parse

    return None if shard is None else parse(shard)


def _fed(manifest: str) -> bytes | None:
    """Return the manifest that stdin holds, if that is the one."""
    from cyberhost_cli.farm.manifest import STDIN

    return sys.stdin.buffer.read() if manifest == STDIN else None


@contextmanager
def _followed(as_json: bool, openjd: bool, check: Callable[[], None]) -> Iterator["Tell"]:
    """Yield what a batch is to tell its events; it is interrupted there if `check` says so."""
    if openjd:
        from cyberhost_cli.cli.batch_openjd import openjd_lines

        yield _checked(openjd_lines(), check)
    else:
        from cyberhost_cli.cli.batch_watch import follow_batch

        with follow_batch(as_json) as tell:
            yield _checked(tell, check)


def _checked(tell: "Tell", check: Callable[[], None]) -> "Tell":
    def checked(event: "Event") -> None:
        check()
        tell(event)

    return checked


def _job(
    manifest: "Manifest", share: "Shard | None", results: "Results", retries: int, force: bool, tell: "Tell"
) -> "Batch":
    from cyberhost_cli.farm.batch import Batch, claims_folder, forget
    from cyberhost_cli.farm.events import once

    rows = [row for row in manifest.rows if share is None or share.takes(row)]
    if force:
        forget(rows, results)
    return Batch(rows, results, claims_folder(manifest), retries, once(tell))


def _check_outputs(report: Path | None, path: Path, manifest: "Manifest", results: "Results") -> None:
    """Refuse a report in the place of anything that the rows read or write, and results that cannot be written."""
    from cyberhost_cli.farm.outputs import inputs

    if report is not None:
        named = [each for row in manifest.rows for each in (row.out, *inputs(row).values())]
        files.check_apart([path, results.path, *named], [report])
    results.check()


def _places(gpus: str | None, workers: int | None, engine: Engine, address: str | None) -> list[dict[str, str]]:
    """Return the environments of workers, none where this process is the one; refuse what is not there."""
    from cyberhost_cli.farm.crew import cpu_workers, gpu_workers
    from cyberhost_cli.farm.engines.ray import check_reach

    if engine is Engine.RAY:
        check_reach(address)
    if gpus is not None:
        return gpu_workers(gpus)
    return [] if workers is None else cpu_workers(workers)


def _by_crew(job: "Batch", environments: list[dict[str, str]], lease: float, fed: bytes | None) -> None:
    text = None if fed is None else fed.decode(errors="surrogateescape")
    code = job.by_crew(_worker(sys.argv[1:]), text, environments, lease, talk.say)
    if code not in {0, SOME_FAILED}:
        raise typer.Exit(code)


def _worker(arguments: Sequence[str]) -> list[str]:
    """Return the command of a worker: ours, but for what the crew's lead does."""
    kept, skip = list[str](), False
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in {"--gpus", "--workers", "--report"}:
            skip = "=" not in argument
        elif skip or argument in {"--force", "--json", "--openjd", "--claim"}:
            skip = False
        else:
            kept.append(argument)
    # Not at the end: what stands after `--` is no option.
    return [sys.executable, "-m", "cyberhost_cli", *kept[:1], "--claim", "--json", *kept[1:]]


def _report(path: Path | None, title: str, job: "Batch") -> None:
    from cyberhost_cli.farm.report.page import write_report

    if path is None:
        return
    talk.say(f"writing `{path}`")
    write_report(path, title, job.rows, job.results.latest())


def _conclude(job: "Batch") -> None:
    """Tell how many rows failed, by the exit code too."""
    failed = job.failures()
    if failed:
        talk.say(f"{failed} of {len(job.rows)} rows failed, see `{job.results.path}`")
        raise typer.Exit(SOME_FAILED)
