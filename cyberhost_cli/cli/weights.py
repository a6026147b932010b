"""`cyberhost weights`: list, fetch, show."""

import math
from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import progress, result, talk
from cyberhost_cli.cli.options import JsonOpt
from cyberhost_cli.weights.catalogue import Entry

app = typer.Typer(help="List and fetch weights of others; look at weights files.", rich_markup_mode=None)


@app.command("list")
def list_weights(
    models: Annotated[
        Path | None,
        typer.Option("--in", metavar="DIR", help="Look into this folder too, as `store.models` of a preset."),
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Print what weights of others can be used, their size and licence, and where they lie.

    \b
    Example:
      cyberhost weights list
    """
    from cyberhost_cli.weights import catalogue, store

    rows = [
        {
            "name": entry.name,
            "megabytes": entry.megabytes,
            "licence": entry.licence,
            "folder": store.held(entry, models),
            "purpose": entry.purpose,
        }
        for entry in catalogue.ENTRIES
    ]
    if not as_json:
        rows = [row | {"megabytes": f"{row['megabytes']} MB", "folder": row["folder"] or "-"} for row in rows]
    result.show_table(rows, as_json)


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Weights by name; see `cyberhost weights list`.")],
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write into `DIR/NAME`, for `store.models` of a preset; none: the cache of the hub."
        ),
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Fetch weights of others, with their checksums verified; print the folder that they lie in.

    A download that was stopped goes on where it was.

    \b
    Examples:
      cyberhost weights fetch dwpose
      cyberhost weights fetch dwpose buffalo_l --to models
    """
    from cyberhost_cli.weights import catalogue, store

    for entry in [catalogue.find(name) for name in names]:
        folder = store.place(entry, to)
        if store.lacking(entry, folder):
            _bring(entry, to, as_json)
        else:
            talk.say(f"`{entry.name}` is there already")
        result.show_file(folder, as_json)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Checkpoint in safetensors.")], as_json: JsonOpt = False
) -> None:
    """Print what a checkpoint holds.

    Says also what it was made from and whether it is fit to generate.

    \b
    Example:
      cyberhost weights show presets/demo/model.safetensors
    """
    from cyberhost_cli.weights.checkpoint import describe

    result.show_fields(describe(file), as_json)


def _bring(entry: Entry, to: Path | None, as_json: bool) -> None:
    from cyberhost_cli.weights.fetch import fetch as bring

    talk.say(f"`{entry.name}`: {entry.megabytes} MB from `{entry.repo}`, licence: {entry.licence}")
    with progress.follow("MB", as_json) as report:
        bring(entry, to, lambda done, total: report(math.ceil(done / 1e6), math.ceil(total / 1e6)))
