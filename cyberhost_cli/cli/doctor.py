"""`cyberhost doctor`."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from cyberhost_cli.cli import result
from cyberhost_cli.cli.options import JsonOpt

if TYPE_CHECKING:
    from cyberhost_cli.pipelines.doctor import Finding


def doctor(as_json: JsonOpt = False) -> None:
    """Tell what this machine has and what it lacks.

    Says of each preset whether it can run here, and if not, the command that gets what is lacking.

    \b
    Example:
      cyberhost doctor
    """
    from cyberhost_cli.pipelines.doctor import examine

    findings = examine()
    if as_json:
        result.show_json(
            [
                {"ok": finding.ok, **asdict(finding), "found": finding.found if finding.ok else None}
                for finding in findings
            ]
        )
    else:
        result.show_table([row for finding in findings for row in _rows(finding)], as_json)


def _rows(finding: "Finding") -> Iterator[dict[str, str]]:
    """Yield one row, or where something is lacking one for each thing and one for what gets it."""
    texts = [text for lacking in finding.lacks for text in (lacking.what, f"→ {lacking.remedy}")] or [finding.found]
    yield {"state": "ok" if finding.ok else "lacking", "topic": finding.topic, "text": texts[0]}
    yield from ({"state": "", "topic": "", "text": text} for text in texts[1:])
