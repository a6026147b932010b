"""Strict accounts of an import: every key of the source is used or dropped, every tensor of ours filled or fresh."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights.importers.table import Fresh, Part, Rule, Source

Shapes = Mapping[str, tuple[int, ...]]
"""Of tensors, by their names."""
SHOWN = 5
"""Keys that a message names."""
_FILES = "give the files as they were published, for the model that the command names"
_PRESET = "use the preset made for these weights, and the files as they were published"
Row = TypeVar("Row", Rule, Fresh)


@dataclass(frozen=True)
class Account:
    """What goes where."""

    moves: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Names in our model of each key that is used, by the name of the part."""
    dropped: Mapping[str, Mapping[str, str]]
    """Why each key that is dropped is, by the name of the part."""
    fresh: Mapping[str, Fresh]
    """What fills those of ours that no file does."""


def account(source: Source, files: Mapping[str, Shapes], ours: Shapes) -> Account:
    """Say what becomes of every tensor.

    Args:
        source: the table to follow.
        files: what each part holds, by its name.
        ours: what our model holds.

    Raises:
        CheckpointError: a key or a shape that the table does not expect.
    """
    moves: dict[str, dict[str, tuple[str, ...]]] = {}
    dropped: dict[str, dict[str, str]] = {}
    filled: dict[str, str] = {}
    for part in source.parts:
        if part.name in files:
            moves[part.name], dropped[part.name] = _account_part(part, files[part.name], ours)
            _fill(filled, moves[part.name], part)
    fresh, empty = {}, []
    for name in ours:
        if name not in filled:
            made = _first(source.fresh, name)
            if made is None:
                empty.append(name)
            else:
                fresh[name] = made
    _refuse(empty, "of our model that no file fills", _PRESET)
    return Account(moves, dropped, fresh)


def _account_part(part: Part, shapes: Shapes, ours: Shapes) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Return where the keys of a part go, and why others are dropped."""
    moves, dropped = {}, {}
    unknown, homeless, misshapen = [], [], []
    for key, shape in shapes.items():
        rule = _first(part.rules, key)
        if rule is None:
            unknown.append(key)
            continue
        match = re.fullmatch(rule.pattern, key)
        assert match is not None
        targets = tuple(match.expand(target) for target in rule.targets)
        fitting = tuple(target for target in targets if ours.get(target) == shape)
        if fitting == targets and targets:
            moves[key] = targets
        elif rule.dropped is not None:
            dropped[key] = rule.dropped
        else:
            homeless += [f"{key} → {target}" for target in targets if target not in ours]
            misshapen += [
                f"{key} {list(shape)}, expected {list(ours[target])}"
                for target in targets
                if target in ours and target not in fitting
            ]
    _refuse(unknown, f"in the {part.name} that no rule knows", _FILES)
    _refuse(homeless, f"in the {part.name} that our model has no place for", _PRESET)
    _refuse(misshapen, f"in the {part.name} of another shape", _PRESET)
    return moves, dropped


def _fill(filled: dict[str, str], moves: Mapping[str, tuple[str, ...]], part: Part) -> None:
    """Note what a part fills.

    Raises:
        CheckpointError: something is filled already.
    """
    twice = []
    for key, targets in moves.items():
        twice += [f"{key} → {target}" for target in targets if target in filled]
        filled.update(dict.fromkeys(targets, key))
    _refuse(twice, f"in the {part.name} whose place another key fills", _FILES)


def _first(table: Sequence[Row], name: str) -> Row | None:
    return next((row for row in table if re.fullmatch(row.pattern, name)), None)


def _refuse(keys: Sequence[str], what: str, hint: str) -> None:
    if keys:
        raise CheckpointError(f"{list_keys(keys)} {what}", hint)


def list_keys(keys: Iterable[str]) -> str:
    """Name a few keys and count all of them."""
    named = list(keys)
    shown = ", ".join(f"`{key}`" for key in named[:SHOWN])
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return f"{len(named)} {'key' if len(named) == 1 else 'keys'} {shown}{more}"
