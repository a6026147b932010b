"""`cyberhost farm`."""

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cyberhost_cli.cli import files, talk
from cyberhost_cli.cli.batch import RETRIES, OutRootOpt, RetriesOpt
from cyberhost_cli.cli.manifest import read_checked
from cyberhost_cli.cli.options import PresetOpt, SetOpt

if TYPE_CHECKING:
    from cyberhost_cli.farm.manifest import Manifest

TASKS = 8
"""Tasks at most, where nobody asks for another number."""

app = typer.Typer(help="Hand a manifest to a render farm.", rich_markup_mode=None)

ManifestArg = Annotated[Path, typer.Argument(metavar="MANIFEST", help="Rows of CSV or JSONL, as `cyberhost batch`.")]
ScriptOpt = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="PATH", help="What to write; else it is printed.")
]
TasksOpt = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help=f"Tasks to run side by side, {TASKS} where there are as many rows."),
]
GpusOpt = Annotated[int, typer.Option(min=0, metavar="N", help="GPUs of a task, each of which makes rows; 0 for none.")]


@app.command()
def slurm(
    manifest: ManifestArg,
    overrides: SetOpt,
    tasks: TasksOpt = None,
    gpus_per_task: GpusOpt = 1,
    cpus_per_task: Annotated[int, typer.Option(min=1, metavar="N", help="CPU cores of a task.")] = 4,
    time: Annotated[str | None, typer.Option(metavar="D-HH:MM:SS", help="Time limit of a task.")] = None,
    partition: Annotated[str | None, typer.Option(metavar="NAME", help="Partition to queue in.")] = None,
    sbatch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION", help="Another option of `sbatch`, as `--sbatch=--account=film`; may be repeated."
        ),
    ] = None,
    preset: PresetOpt = "demo",
    out_root: OutRootOpt = None,
    retries: RetriesOpt = RETRIES,
    out: ScriptOpt = None,
) -> None:
    """Print a job array for Slurm that makes the rows of a manifest.

    Tasks take rows through claims on the shared disk, so that none waits for a task that begins late. A task that
    reaches its time limit queues up again, and one that lost its node does too: both go on from the last frame. Handing
    the script in again does what is missing.

    \b
    Example:
      cyberhost farm slurm manifest.csv --tasks 16 --time 12:00:00 | sbatch
    """
    from cyberhost_cli.farm.slurm import Array, script

    read, _ = read_checked(str(manifest.absolute()), preset, overrides, out_root)
    array = Array(
        _name(manifest), _tasks(tasks, read), gpus_per_task, cpus_per_task, time, partition, tuple(sbatch or ())
    )
    root = [] if out_root is None else ["--out-root", str(out_root.absolute())]
    options = _options(read, preset, overrides, gpus_per_task, retries)
    command = [_program(), "batch", str(manifest.absolute()), "--claim", *root, *options]
    _write(script(command, len(read.rows), array), manifest, out)


@app.command()
def openjd(
    manifest: ManifestArg,
    overrides: SetOpt,
    tasks: TasksOpt = None,
    gpus_per_task: GpusOpt = 1,
    timeout: Annotated[int | None, typer.Option(min=1, metavar="SECONDS", help="Time limit of a task.")] = None,
    preset: PresetOpt = "demo",
    out_root: OutRootOpt = None,
    retries: RetriesOpt = RETRIES,
    out: ScriptOpt = None,
) -> None:
    """Print a job template in Open Job Description, which render farms such as AWS Deadline Cloud read.

    Each task makes a fixed share of the rows, and tells its progress. `cyberhost` must be found on the workers, and
    the manifest and what it names under the paths that the farm maps them to.

    \b
    Example:
      cyberhost farm openjd manifest.csv --tasks 16 -o job.yaml && openjd run job.yaml
    """
    import yaml

    from cyberhost_cli.farm.openjd import Job, template

    read, _ = read_checked(str(manifest.absolute()), preset, overrides, out_root)
    root = None if out_root is None else out_root.absolute()
    folder = None if out is None else out.absolute().parent
    tasks = _tasks(tasks, read)
    job = Job(_name(manifest), manifest.absolute(), len(read.rows), tasks, gpus_per_task, timeout, root, folder)
    made = template(_options(read, preset, overrides, gpus_per_task, retries), job)
    _write(yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=120), manifest, out)
    for name, path in job.paths.items():
        if job.default(path) is None:
            given = shlex.quote(f"{name}={path}")
            talk.say(f"`{path}` does not lie below the template: start the job with `-p {given}`")


def _tasks(asked: int | None, manifest: "Manifest") -> int:
    return asked or max(1, min(TASKS, len(manifest.rows)))


def _name(manifest: Path) -> str:
    return re.sub(r"[^\w.-]+", "-", manifest.stem, flags=re.ASCII).strip("-") or "batch"


def _program() -> str:
    """Return the console script that runs now: tasks find it on the shared disk, whatever their `PATH`."""
    return shutil.which("cyberhost", path=str(Path(sys.executable).parent)) or "cyberhost"


def _options(manifest: "Manifest", preset: str, overrides: list[str], gpus: int, retries: int) -> list[str]:
    """Return options of `cyberhost batch` that mean the same in any working directory."""
    from cyberhost_cli.config.store import SUFFIXES

    named = str(Path(preset).absolute()) if Path(preset).suffix in SUFFIXES else preset
    # All rows begin with them, their paths made absolute.
    settings = [f"--set={override}" for override in manifest.rows[0].overrides[: len(overrides)]]
    many = ["--gpus", "all"] if gpus > 1 else []
    return ["--preset", named, *settings, "--retries", str(retries), *many]


def _write(text: str, manifest: Path, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    from cyberhost_cli.media.atomic import atomic_file

    files.check_apart([manifest], [out])
    with atomic_file(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    typer.echo(out)
