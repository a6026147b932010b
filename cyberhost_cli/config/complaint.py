"""What is wrong with a preset, in one line."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cyberhost_cli.config.schema import Preset

SHOWN = 3
EXPECTED = {
    "greater_than": "a number greater than {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number less than {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "multiple_of": "a multiple of {multiple_of:g}",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "too_long": "a list of {max_length}",
    "model_type": "a mapping",
    "literal_error": "{expected}",
}
"""Wordings of pydantic's error types, filled from the error's context."""


def dotted_keys(section: type[BaseModel] = Preset) -> Iterator[str]:
    """List every key that a preset may hold, sections included, as `sampling.steps`."""
    for name, field in section.model_fields.items():
        yield name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (f"{name}.{key}" for key in dotted_keys(field.annotation))


def nearest_keys(key: str) -> list[str]:
    """Name the good keys nearest to a bad one: the same last word elsewhere, else a like spelling."""
    known = [good for good in dotted_keys() if not key.startswith(f"{good}.")]
    last = key.rpartition(".")[2]
    return [good for good in known if good.rpartition(".")[2] == last] or difflib.get_close_matches(key, known, n=1)


def unknown_key(key: str) -> tuple[str, str]:
    """Word the message and the hint for a key that no preset has."""
    near = nearest_keys(key)
    hint = f"did you mean {' or '.join(f'`{good}`' for good in near)}?" if near else "see `cyberhost presets show base`"
    return f"{key}: no such key", hint


def explain(error: ValidationError, path: Path) -> tuple[str, str]:
    """Word the message and the hint for a preset that does not validate.

    Args:
        error: what pydantic found.
        path: the file to correct.
    """
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "extra_forbidden":
            return unknown_key(_key(detail))
    lines = list(_lines(details))
    more = f"; and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    missing = any(detail["type"] == "missing" for detail in details)
    remedy = (
        "state it in `{}`, or extend a preset that does, as `base`"
        if missing
        else "correct it with `--set`, or in `{}`"
    )
    return "; ".join(lines[:SHOWN]) + more, remedy.format(path)


def _lines(details: list[ErrorDetails]) -> Iterator[str]:
    """Yield one line per key; the members of a union share theirs."""
    grouped: dict[str, list[ErrorDetails]] = {}
    for detail in details:
        grouped.setdefault(_key(detail), []).append(detail)
    for key, members in grouped.items():
        first = members[0]
        if first["type"] == "value_error":
            yield f"{key}.{first['ctx']['error']}" if key else str(first["ctx"]["error"])
        elif first["type"] == "missing":
            yield f"{key}: missing"
        else:
            wanted = " or ".join(dict.fromkeys(map(_expected, members)))
            yield f"{key}: expected {wanted}, found {_shown(first['input'])}"


def _key(detail: ErrorDetails) -> str:
    """Join the location, less the names that pydantic gives to the members of a union."""
    parts = [str(part) for part in detail["loc"]]
    if detail["type"] == "extra_forbidden":
        return ".".join(parts)
    known = set(dotted_keys())
    end = max((length for length in range(len(parts) + 1) if ".".join(parts[:length]) in known), default=0)
    return ".".join(parts[:end] + [part for part in parts[end:] if part.isdigit()])


def _expected(detail: ErrorDetails) -> str:
    context: Mapping[str, Any] = detail.get("ctx", {})
    wording = EXPECTED.get(detail["type"])
    text = wording.format(**context) if wording else re.sub("^Input should be ", "", detail["msg"])
    return text.replace("'", '"')


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"
