"""What a command prints to stdout."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer


def show_file(path: Path, as_json: bool, told: Mapping[str, object] | None = None) -> None:
    """Print the path of what was written, and for machines what else there is to tell."""
    if as_json:
        show_json({"event": "done", "output": str(path), **(told or {})})
    else:
        typer.echo(path)


def show_fields(fields: Mapping[str, object], as_json: bool) -> None:
    """Print named values, nested ones too, as YAML."""
    if as_json:
        show_json(fields)
        return
    import yaml

    typer.echo(yaml.safe_dump(dict(fields), sort_keys=False, allow_unicode=True), nl=False)


def show_table(rows: Sequence[Mapping[str, object]], as_json: bool) -> None:
    """Print rows of the same columns, aligned, the last one as long as it is."""
    if as_json:
        show_json(rows)
        return
    texts = [[str(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def show_json(value: object) -> None:
    """Print one line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))
