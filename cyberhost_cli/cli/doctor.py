"""`cyberhost doctor`."""

from dataclasses import asdict

from cyberhost_cli.cli import result
from cyberhost_cli.cli.options import JsonOpt


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
        result.show_json([asdict(finding) for finding in findings])
        return
    result.show_table(
        [
            {
                "state": "ok" if finding.ok else "lacking",
                "topic": finding.topic,
                "found": finding.found if finding.ok else f"{finding.found}; {finding.remedy}",
            }
            for finding in findings
        ],
        as_json,
    )
