"""A preset read from its file, with all that it extends and what the user sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from cyberhost_cli.config import complaint, store
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import PresetError

Settings = dict[str, Any]


@dataclass(frozen=True)
class LoadedPreset:
    """A checked preset and where it came from."""

    name: str
    folder: Path
    """What `checkpoint` is relative to: the folder of the file stating it, or after `--set` the working directory."""
    preset: Preset
    allow_untrained: bool = False
    """Whether weights may generate that were never trained to; for tests."""

    @property
    def checkpoint(self) -> Path | None:
        """Path of the weights file, which need not exist; none for a preset that only trains."""
        stated = self.preset.checkpoint
        return None if stated is None else self.folder / Path(stated).expanduser()


def load_preset(name_or_path: str, overrides: Sequence[str] = (), allow_untrained: bool = False) -> LoadedPreset:
    """Read a preset, put it over what it extends, apply the overrides and check the whole.

    Args:
        name_or_path: the name of a preset, or the path of its YAML file.
        overrides: `section.key=value` each, the value in YAML.
        allow_untrained: whether weights may generate that were never trained to; for tests.

    Raises:
        PresetError: a preset, a key or a value does not exist or does not fit.
    """
    path = store.find(name_or_path)
    settings, folder = _read_extended(path, ())
    for override in overrides:
        key, value = _parse(override)
        settings = _merge(settings, _nest(key, value))
        folder = Path() if key == "checkpoint" else folder
    try:
        preset = Preset.model_validate(settings)
    except ValidationError as error:
        raise PresetError(*complaint.explain(error, path)) from error
    return LoadedPreset(path.stem, folder, preset, allow_untrained)


def _read_extended(path: Path, above: tuple[Path, ...]) -> tuple[Settings, Path]:
    """Return the settings of a file over those it extends, and the folder that `checkpoint` is relative to."""
    if path.resolve() in above:
        chain = " → ".join(f"`{file.stem}`" for file in (*above, path))
        raise PresetError(f"presets extend each other in a circle: {chain}", f"change `extends` in `{path}`")
    own = _read(path)
    base = own.pop("extends", None)
    if base is None:
        return own, path.parent
    if not isinstance(base, str):
        raise PresetError(f"extends: expected the name of one preset, found {base!r}", f"correct it in `{path}`")
    settings, folder = _read_extended(store.find(base, beside=path.parent), (*above, path.resolve()))
    return _merge(settings, own), path.parent if "checkpoint" in own else folder


def _read(path: Path) -> Settings:
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PresetError(f"cannot read `{path}`: {error.strerror}", "check the file and its permissions") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise PresetError(f"`{path}` is not YAML: {reason}", "correct the file") from error
    if not isinstance(settings, dict):
        raise PresetError(f"`{path}` holds no settings", "start from `extends: base` and a description")
    return settings


def _merge(below: Settings, above: Settings) -> Settings:
    """Lay one mapping over another, key by key; lists and scalars are replaced whole."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _parse(override: str) -> tuple[str, Any]:
    key, equals, text = override.partition("=")
    if not equals:
        raise PresetError(f"cannot set `{override}`: no `=` in it", "write `--set sampling.steps=12`")
    key = key.strip()
    if key not in complaint.dotted_keys():
        raise PresetError(*complaint.unknown_key(key))
    try:
        return key, yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PresetError(f"{key}: `{text}` is not YAML", "quote the value, as in `--set 'key=\"a: b\"'`") from error


def _nest(key: str, value: object) -> Settings:
    head, _, rest = key.partition(".")
    return {head: _nest(rest, value) if rest else value}
