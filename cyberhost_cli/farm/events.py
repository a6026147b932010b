"""What happens in a batch, as it is told to people, machines and other processes."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

from cyberhost_cli.farm.record import Record


@dataclass(frozen=True)
class Begun:
    """A batch begins: rows there are in all, and those that earlier runs did, or that failed then and would again."""

    rows: int
    done: int
    failed: int = 0


@dataclass(frozen=True)
class Started:
    """A row is worked on."""

    id: str
    worker: str


@dataclass(frozen=True)
class Advanced:
    """Frames of a row are finished, and how many it has."""

    id: str
    done: int
    total: int


@dataclass(frozen=True)
class Retried:
    """A row met a fault that can pass, and is tried once more after some seconds."""

    id: str
    attempt: int
    wait: float
    error: str


@dataclass(frozen=True)
class Ended:
    """A row is done or has failed."""

    record: Record


Event = Begun | Started | Advanced | Retried | Ended
Tell = Callable[[Event], None]
_KINDS: dict[str, type[Event]] = {kind.__name__.lower(): kind for kind in (Begun, Started, Advanced, Retried, Ended)}


def once(tell: Tell) -> Tell:
    """Return what passes events on, but of each row only the first end: several workers may tell of it."""
    ended, lock = set[str](), Lock()

    def pass_on(event: Event) -> None:
        if isinstance(event, Ended):
            with lock:
                if event.record.id in ended:
                    return
                ended.add(event.record.id)
        tell(event)

    return pass_on


def to_json(event: Event) -> dict[str, Any]:
    """Return an event as JSON can hold it, `event` naming its kind; of an ended row all of its record."""
    name = type(event).__name__.lower()
    return {"event": name, **asdict(event.record if isinstance(event, Ended) else event)}


def from_json(told: dict[str, Any]) -> Event | None:
    """Return the event that another process told, or None where it told of something else."""
    fields = dict(told)
    kind = _KINDS.get(fields.pop("event", ""))
    if kind is None:
        return None
    return Ended(Record(**fields)) if kind is Ended else kind(**fields)
