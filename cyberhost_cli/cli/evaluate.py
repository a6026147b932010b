"""`cyberhost evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cyberhost_cli.cli import files, interrupt, progress, result, talk
from cyberhost_cli.cli.options import JsonOpt, PresetOpt, SetOpt
from cyberhost_cli.errors import UsageError

if TYPE_CHECKING:
    from cyberhost_cli.evaluation.outcome import Outcome

TOLD = 10
"""Clips whose faults are told on the terminal; all of them are in what is written."""

GeneratedArg = Annotated[
    Path | None,
    typer.Argument(
        metavar="GENERATED", show_default=False, help="Video, folder of videos, or results of `cyberhost batch`."
    ),
]
ReferenceOpt = Annotated[
    Path | None,
    typer.Option(metavar="REAL", help="Real video, or folder of them, named alike but for their suffixes."),
]
PicturesOpt = Annotated[
    Path | None, typer.Option(metavar="PATH", help="Reference picture, or folder of them, likewise.")
]
MetricsOpt = Annotated[str | None, typer.Option(metavar="NAME,…", help="Only these; see `--list`.")]
ControlsOpt = Annotated[
    bool, typer.Option("--controls", help="Also measure the real videos, and the generated ones with other sound.")
]
CsvOpt = Annotated[Path | None, typer.Option(metavar="PATH", help="Write the figures of each clip as CSV.")]
ReportOpt = Annotated[Path | None, typer.Option(metavar="PATH", help="Write a page of figures and clips, as HTML.")]
WorkersOpt = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Processes that measure clips side by side.",
        show_default="the cores that may be used, or 1 on a GPU",
    ),
]
ListOpt = Annotated[bool, typer.Option("--list", help="Tell what each metric is, and leave.")]


def evaluate(
    overrides: SetOpt,
    generated: GeneratedArg = None,
    reference: ReferenceOpt = None,
    pictures: PicturesOpt = None,
    metrics: MetricsOpt = None,
    controls: ControlsOpt = False,
    preset: PresetOpt = "demo",
    csv: CsvOpt = None,
    report: ReportOpt = None,
    workers: WorkersOpt = None,
    list_metrics: ListOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Measure generated videos by what papers report of them.

    Figures are means over clips; FID and FVD are of all clips together. What compares with a real video takes
    `--reference`, likeness takes `--pictures`. A metric whose weights are not here is told with the command that
    fetches them, and the others are measured. The preset says how people are found and tracked. What was measured is
    kept: of the same command with one more clip that clip alone is measured. CSV and report replace older ones.

    To let the weights of a preset talk and measure that against the truth, see `cyberhost evaluate-actors`.

    \b
    Examples:
      cyberhost evaluate out.mp4 --pictures ref.png
      cyberhost evaluate made --reference real --report report.html --csv figures.csv
      cyberhost evaluate manifest.csv.results.jsonl --metrics hkc,hkv,beat --controls
      cyberhost evaluate --list
    """
    if list_metrics:
        _list(as_json)
        return
    _check_paths(generated, [reference, pictures], [csv, report])
    assert generated is not None
    asked = None if metrics is None else [name.strip() for name in metrics.split(",")]
    outcome = _measure((generated, reference, pictures), (asked, controls), (preset, overrides), workers, as_json)
    _tell(outcome, as_json)
    if csv is not None:
        outcome.write_csv(csv)
    if report is not None:
        from cyberhost_cli.evaluation.report.page import write_report

        talk.say(f"writing `{report}`")
        write_report(report, generated.resolve().name, outcome)


def _measure(
    paths: tuple[Path, Path | None, Path | None],
    wanted: tuple[list[str] | None, bool],
    how: tuple[str, list[str]],
    workers: int | None,
    as_json: bool,
) -> "Outcome":
    from cyberhost_cli.config.load import load_preset

    loaded = load_preset(*how)
    from cyberhost_cli.evaluation.clips import find
    from cyberhost_cli.evaluation.survey import sensible_workers, survey

    found = find(*paths)
    for note in found.notes:
        talk.say(f"warning: {note}")
    with interrupt.at_once_if_again(), progress.follow("clips", as_json) as tell:
        return survey(found.clips, *wanted, loaded, workers or sensible_workers(loaded), tell)


def _check_paths(generated: Path | None, inputs: list[Path | None], outputs: list[Path | None]) -> None:
    """Refuse paths that cannot be; who named a preset may have meant another command."""
    from cyberhost_cli.config import store

    if generated is None:
        raise UsageError("no GENERATED is given", "name a video, a folder of videos, or the results of a batch")
    files.check_apart([generated, *inputs], outputs)
    for path in outputs:
        if path is not None:
            files.check_output(path, overwrite=True)
    if not generated.exists() and str(generated) in store.files():
        raise UsageError(
            f"there is no video `{generated}`; a preset is called so",
            f"evaluate its weights with `cyberhost evaluate-actors {generated} --actors DIR -o FOLDER`",
        )


def _list(as_json: bool) -> None:
    from cyberhost_cli.evaluation.metrics.registry import METRICS
    from cyberhost_cli.evaluation.outcome import ARROWS
    from cyberhost_cli.weights import catalogue

    rows = []
    for name, metric in METRICS.items():
        about = metric.about
        figures = ", ".join(f"{figure} {ARROWS[better]}".strip() for figure, better in about.figures.items())
        needs = ", ".join(sorted(about.needs)) or "-"
        entry = None if about.weights is None else catalogue.find(about.weights)
        weights = "-" if entry is None else f"{entry.name}, {entry.megabytes} MB, {entry.licence}"
        row = {"metric": name, "figures": figures, "needs": needs, "computed by": about.computed_by, "weights": weights}
        rows.append(row if not as_json else {**row, "source": about.source, "caution": about.caution})
    if as_json:
        result.show_json(rows)
        return
    result.show_table([{column: column for column in rows[0]}, *rows], as_json)
    for name, metric in METRICS.items():
        typer.echo(f"\n{name}: {metric.about.source}.")
        if metric.about.caution is not None:
            typer.echo(f"Not comparable: {metric.about.caution}.")


def _tell(outcome: "Outcome", as_json: bool) -> None:
    for clip, reasons in list(outcome.faults.items())[:TOLD]:
        for message, names in reasons.items():
            talk.say(f"{clip}: {', '.join(names)} not measured: {message}")
    if len(outcome.faults) > TOLD:
        talk.say(f"and so for {len(outcome.faults) - TOLD} clips more; `--csv` and `--json` tell all")
    if as_json:
        result.show_json({"event": "done", **outcome.told()})
        return
    result.show_table(_table(outcome), as_json)
    unmeasured = {name: f"{reason.message}; {reason.hint}" for name, reason in outcome.unmeasured.items()}
    for heading, told in (("Not measured:", unmeasured), ("Not comparable:", outcome.cautions)):
        if told:
            typer.echo(f"\n{heading}")
        for name, text in told.items():
            typer.echo(f"  {name}: {text}")


def _table(outcome: "Outcome") -> list[dict[str, str]]:
    from cyberhost_cli.evaluation.outcome import ARROWS

    names = ["figure", "better", "value", "spread", *(["real", "other sound"] if outcome.controls else []), "clips"]
    rows = [names]
    for line in outcome.lines:
        controls = [_number(line.real), _number(line.other_sound)] if outcome.controls else []
        figures = [_number(line.value), _number(line.spread), *controls, f"{line.clips}/{len(outcome.clips)}"]
        rows.append([line.figure, ARROWS[line.better] or "-", *figures])
    return [dict(zip(names, row, strict=True)) for row in rows]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
