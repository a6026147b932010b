"""Folders that presets lie in."""

import difflib
import os
from pathlib import Path

from cyberhost_cli.errors import PresetError

SUFFIXES = (".yaml", ".yml")
PACKAGE = Path(__file__).parent.parent


def folders() -> list[Path]:
    """List the folders that hold presets, the first one wins.

    `$CYBERHOST_PRESETS` is the user's own, a wheel carries `_presets`, an editable install has `presets` beside it.
    """
    own = os.environ.get("CYBERHOST_PRESETS")
    candidates = [Path(own)] if own else []
    candidates += [PACKAGE / "_presets", PACKAGE.parent / "presets"]
    return [folder for folder in candidates if folder.is_dir()]


def files() -> dict[str, Path]:
    """Map the name of every preset that can be found to its file."""
    found: dict[str, Path] = {}
    for folder in folders():
        for file in sorted(folder.iterdir()):
            if file.suffix in SUFFIXES:
                found.setdefault(file.stem, file)
    return dict(sorted(found.items()))


def find(name_or_path: str, beside: Path | None = None) -> Path:
    """Find the file of a preset.

    Args:
        name_or_path: the name of a preset, or a path that ends with `.yaml`.
        beside: the folder that a relative path starts from, else the working directory.

    Raises:
        PresetError: nothing is there; the hint names the nearest preset.
    """
    if Path(name_or_path).suffix in SUFFIXES:
        path = (beside or Path()) / name_or_path
        if not path.is_file():
            raise PresetError(
                f"no preset at `{path}`", "give the path of a YAML file, or a name of `cyberhost presets list`"
            )
        return path
    known = files()
    if name_or_path not in known:
        near = difflib.get_close_matches(name_or_path, known, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(f'`{name}`' for name in known)}"
        raise PresetError(
            f"no preset named `{name_or_path}`", hint if known else "set `CYBERHOST_PRESETS` to a folder of presets"
        )
    return known[name_or_path]
