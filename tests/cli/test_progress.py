import io
import json

import pytest

from cyberhost_cli.cli import progress


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def play(report, clock, *moments):
    for seconds, done, total in moments:
        clock.now = 100.0 + seconds
        report(done, total)


def test_plain_lines_come_at_intervals_and_at_the_end(capsys, clock):
    report = progress.plain_lines("frames", clock)
    play(report, clock, (0, 0, 100), (2, 10, 100), (5, 20, 100), (6, 25, 100), (10, 80, 100), (10.5, 100, 100))
    assert capsys.readouterr() == (
        "",
        "frames 0/100\n"
        "frames 20/100, 4.00 frames/s, 0:20 left\n"
        "frames 80/100, 8.00 frames/s, 0:02 left\n"
        "frames 100/100, 9.52 frames/s\n",
    )


def test_what_an_earlier_run_did_counts_in_no_speed(capsys, clock):
    report = progress.plain_lines("steps", clock)
    play(report, clock, (0, 5000, 30000), (10, 5050, 30000))
    assert capsys.readouterr().err.splitlines()[-1] == "steps 5050/30000, 5.00 steps/s, 1:23:10 left"


def test_figures_are_told(capsys, clock):
    progress.plain_lines("steps", clock)(1, 1, {"loss": 0.123456, "face": 2.0})
    assert capsys.readouterr().err == "steps 1/1, loss 0.1235, face 2\n"


def test_json_lines_go_to_stdout(capsys, clock):
    report = progress.json_lines("frames", clock)
    play(report, clock, (0, 0, 50), (0.5, 5, 50), (2, 20, 50), (4, 50, 50))
    out, err = capsys.readouterr()
    start = {"event": "progress", "unit": "frames"}
    assert err == ""
    assert [json.loads(line) for line in out.splitlines()] == [
        {**start, "done": 0, "total": 50},
        {**start, "done": 20, "total": 50, "per_second": 10.0, "seconds_left": 3.0},
        {**start, "done": 50, "total": 50, "per_second": 12.5, "seconds_left": 0.0},
    ]


def test_a_terminal_gets_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.follow("frames", as_json=False) as report:
        report(0, 40)
        report(30, 40, {"loss [bold]": 0.5})
    drawn = terminal.getvalue()
    assert "━" in drawn
    assert "30/40" in drawn
    assert "loss [bold] 0.5" in drawn


def test_a_pipe_gets_lines(capsys):
    with progress.follow("frames", as_json=False) as report:
        report(40, 40)
    assert capsys.readouterr() == ("", "frames 40/40\n")
