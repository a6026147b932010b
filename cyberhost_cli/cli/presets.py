"""`cyberhost presets`: list, show, check."""

from typing import Annotated

import typer

from cyberhost_cli.cli import result
from cyberhost_cli.cli.options import JsonOpt, SetOpt

app = typer.Typer(help="List, show and check presets.", rich_markup_mode=None)
NameArg = Annotated[str, typer.Argument(metavar="NAME", help="Preset by name or path of its YAML file.")]


@app.command("list")
def list_presets(as_json: JsonOpt = False) -> None:
    """Print the name and the description of every preset that can be found.

    \b
    Example:
      cyberhost presets list
    """
    from cyberhost_cli.config import store
    from cyberhost_cli.config.load import load_preset

    rows = [{"name": name, "description": load_preset(name).preset.description} for name in store.files()]
    result.show_table(rows, as_json)


@app.command()
def show(name: NameArg, overrides: SetOpt, as_json: JsonOpt = False) -> None:
    """Print every field of a preset, with what it inherits, as YAML.

    \b
    Example:
      cyberhost presets show demo --set output.crf=12
    """
    from cyberhost_cli.config.load import load_preset

    result.show_fields(load_preset(name, overrides).preset.model_dump(mode="json"), as_json)


@app.command()
def check(
    overrides: SetOpt,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Preset by name or path of its YAML file; none: every preset.")
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Check that presets are complete and fit together; leave with 2 if one does not.

    \b
    Examples:
      cyberhost presets check
      cyberhost presets check mine.yaml
    """
    from cyberhost_cli.config import store
    from cyberhost_cli.config.load import load_preset

    names = list(store.files()) if name is None else [name]
    for each in names:
        load_preset(each, overrides)
    result.show_table([{"name": each, "state": "ok"} for each in names], as_json)
