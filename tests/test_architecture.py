import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cyberhost_cli import __version__
from cyberhost_cli.cli.app import app
from cyberhost_cli.config import store
from cyberhost_cli.config.load import load_preset

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "cyberhost_cli").rglob("*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
HEAVY = ("torch", "numpy", "av", "mediapipe", "diffusers", "transformers", "soundfile", "soxr", "PIL", "anny", "warp")


def commands():
    """Yield every command's full name and its function."""
    for group in app.registered_groups:
        for command in group.typer_instance.registered_commands:
            yield f"{group.name} {command.name or command.callback.__name__}", command.callback
    for command in app.registered_commands:
        yield command.name or command.callback.__name__, command.callback


def quick_start():
    """Return the lines of the first code block below README's "Quick start"."""
    section = README.split("\n## Quick start\n")[1].split("\n## ")[0]
    return section.split("```")[1].splitlines()[1:]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    lengths = {function.name: function.end_lineno - function.lineno + 1 for function in functions}
    assert {name: length for name, length in lengths.items() if length > 50} == {}


def test_rooms_import_one_way():
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['cyberhost', 'generate', '--help']\n"
        "from cyberhost_cli.cli.app import main\n"
        "try: main()\n"
        f"finally: print('heavy:', *(name for name in {HEAVY} if name in sys.modules))\n"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "cyberhost generate" in process.stdout
    assert process.stdout.splitlines()[-1] == "heavy:"


def test_presets_are_read_without_numbers():
    code = (
        "import sys; from cyberhost_cli.config.load import load_preset; load_preset('demo')\n"
        f"print(*(name for name in {HEAVY} if name in sys.modules))\n"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout == "\n"


@pytest.mark.parametrize("name", dict(commands()))
def test_commands_have_help_with_an_example_and_stand_in_the_readme(name):
    assert re.search(rf"\n\n    \x08\n    Examples?:\n      cyberhost {name}\b", dict(commands())[name].__doc__)
    assert re.search(rf"^\| `cyberhost {name}[ `]", README, re.MULTILINE)


@pytest.mark.parametrize("name", store.files())
def test_presets_validate(name):
    assert load_preset(name).preset.description


def test_readme_names_every_room_and_preset():
    rooms = {path.parent.name for path in SOURCES if path.name == "__init__.py"} - {"cyberhost_cli"}
    named = re.findall(r"^[│├└─ ]*(\S+?)/? {2,}", README.split("\n## Files\n")[1], re.MULTILINE)
    assert rooms <= set(named)
    assert {path.name for path in store.files().values()} <= set(named)


def test_the_version_heads_the_changelog():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == __version__


def test_ci_runs_the_test_command_of_the_readme():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    extract = re.search(r"^quick_start=\$\((.+?)\)$", script, re.MULTILINE | re.DOTALL).group(1)
    process = subprocess.run(["bash", "-c", extract], cwd=ROOT, capture_output=True, text=True, check=True)
    commands = quick_start()
    assert len(commands) == 2
    assert process.stdout == f"{commands[1]}\n"
    assert "python -m pytest" in commands[1]
    assert re.search(r'^bash -euo pipefail -c "\$quick_start"$', script, re.MULTILINE)
