"""Tables of keys: what becomes of every tensor of a public model, and where every tensor of ours comes from."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """What becomes of the keys that a pattern matches; of several rules the first one counts."""

    pattern: str
    """Regular expression for the whole key."""
    targets: tuple[str, ...]
    """Names in our model, with the groups of the pattern as in `re.Match.expand`; none drops the key."""
    dropped: str | None = None
    """Why it is dropped; beside targets, why it may be where our model has no place of that shape."""


@dataclass(frozen=True)
class Fresh:
    """Tensors of ours that no file brings."""

    pattern: str
    """Regular expression for the whole name in our model."""
    how: str
    """What they are, for the report."""
    value: float | None = None
    """What fills them; none: what a freshly made model begins with."""


@dataclass(frozen=True)
class Part:
    """One file of a source."""

    name: str
    """What it is, for messages."""
    entry: str
    """Where it is found in the catalogue of weights."""
    files: tuple[str, ...]
    """Names that it is published under, the one in the catalogue first."""
    has: tuple[str, ...]
    """Keys by which it is recognised."""
    lacks: tuple[str, ...]
    """Keys that would show it to be another file."""
    rules: tuple[Rule, ...]
    needed: bool = True
    """Whether nothing can be imported without it."""

    def holds(self, keys: Iterable[str]) -> bool:
        """Tell by its keys whether a file is this part."""
        held = set(keys)
        return held.issuperset(self.has) and held.isdisjoint(self.lacks)


@dataclass(frozen=True)
class Source:
    """A public model, or several that belong together."""

    name: str
    """Of the command line; also of the preset that its weights are for."""
    description: str
    parts: tuple[Part, ...]
    fresh: tuple[Fresh, ...]
    trained: bool
    """Whether what is imported is fit to generate."""

    @property
    def entries(self) -> tuple[str, ...]:
        """Names in the catalogue of all that must be fetched."""
        return tuple(dict.fromkeys(part.entry for part in self.parts if part.needed))


def take(pattern: str, *targets: str, unless: str | None = None) -> Rule:
    """Return the rule that uses keys; `unless` says why they may be dropped where our model has no place for them."""
    return Rule(pattern, targets, unless)


def drop(pattern: str, why: str) -> Rule:
    """Return the rule that drops keys."""
    return Rule(pattern, (), why)
