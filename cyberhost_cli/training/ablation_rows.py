"""The rows of the poster's ablations, each a few settings over the preset of the full model."""

from collections.abc import Sequence
from dataclasses import dataclass

from cyberhost_cli.config.load import LoadedPreset, load_preset
from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import UsageError

FULL, REAL = "full", "real"
SCORES = {"low": 0.1, "medium": 0.5, "high": 0.9}
"""Hand clarity scores at inference; the paper states none. A typical hand of the training clips has 0.5."""
LOCAL_LOSSES = ("face", "hands", "mouth", "mask", "heatmap")
"""Weights of `training.loss` that look at regions."""
_NO_MODULES = "it has no Region Attention Modules"


@dataclass(frozen=True)
class AblationRow:
    """One row."""

    name: str
    """As `--rows` takes it."""
    label: str
    """As the table shows it."""
    trained: bool = True
    """Whether weights are trained for it; else the full model's are used, or none."""


ROWS: tuple[AblationRow, ...] = (
    AblationRow(REAL, "Real clips", trained=False),
    AblationRow("no-latents", "w/o Latents Bank"),
    AblationRow("no-identity", "w/o ID Descriptor"),
    AblationRow("no-movement", "w/o Body Movement Map"),
    AblationRow("no-clarity", "w/o Hand Clarity Score"),
    AblationRow("clarity-low", f"Hand Clarity Score Low ({SCORES['low']:g})", trained=False),
    AblationRow("clarity-medium", f"Hand Clarity Score Medium ({SCORES['medium']:g})", trained=False),
    AblationRow("clarity-high", f"Hand Clarity Score High ({SCORES['high']:g})", trained=False),
    AblationRow("no-pose-align", "w/o Pose-Align"),
    AblationRow("no-local-supervision", "w/o Local Supervision"),
    AblationRow(FULL, "CyberHost (Full)"),
)
"""As they stand in the table; the full model comes last, as on the poster."""


@dataclass(frozen=True)
class Variant:
    """A row for one preset."""

    row: AblationRow
    settings: tuple[str, ...]
    """What `--set` changes of the full model's preset."""
    loaded: LoadedPreset
    lacking: str | None
    """Why this preset has no such row; None where it has."""


def choose_rows(names: Sequence[str]) -> tuple[AblationRow, ...]:
    """Return the rows of some names in the order of the table, all of them for no names.

    Raises:
        UsageError: there is no such row.
    """
    known = [row.name for row in ROWS]
    for name in names:
        if name not in known:
            raise UsageError(f"there is no row `{name}`", f"there are {', '.join(known)}")
    return tuple(row for row in ROWS if not names or row.name in names)


def vary(preset: str, overrides: Sequence[str], row: AblationRow) -> Variant:
    """Return a row's variant of a preset.

    Raises:
        PresetError: the preset or an override does not fit.
    """
    full = load_preset(preset, overrides)
    lacking, settings = _lacking(row.name, full.preset), _settings(row.name, full.preset)
    if lacking is not None:
        return Variant(row, settings, full, lacking)
    return Variant(row, settings, load_preset(preset, [*overrides, *settings]), None)


def _settings(name: str, preset: Preset) -> tuple[str, ...]:
    if name == "no-movement":
        return (f"model.priors.maps=[{','.join(_other_maps(preset.model))}]",)
    if name.startswith("clarity-"):
        return (f"conditions.clarity={SCORES[name.removeprefix('clarity-')]:g}",)
    if name == "no-local-supervision":
        return tuple(f"training.loss.{part}=0" for part in LOCAL_LOSSES)
    switches = {
        "no-latents": "model.regions.latents_bank",
        "no-identity": "model.regions.identity_descriptor",
        "no-clarity": "model.priors.hand_clarity_score",
        "no-pose-align": "model.priors.pose_aligned_reference",
    }
    return (f"{switches[name]}=false",) if name in switches else ()


def _lacking(name: str, preset: Preset) -> str | None:
    model = preset.model
    regions, priors = model.regions, model.priors
    without: dict[str, str | None] = {
        "no-latents": _without_modules(model) or _unless(regions.latents_bank, "its modules have no latents bank"),
        "no-identity": _without_modules(model)
        or _unless(regions.identity_descriptor, "its modules have no identity descriptor"),
        "no-movement": _without_map(model),
        "no-pose-align": _unless(priors.pose_aligned_reference, "it has no pose-aligned reference"),
        "no-local-supervision": _unless(_is_supervised(preset), "its training looks at no regions"),
    }
    for each in ("no-clarity", *(f"clarity-{score}" for score in SCORES)):
        without[each] = _unless(priors.hand_clarity_score, "it has no hand clarity score")
    return without.get(name)


def _without_modules(model: ModelConfig) -> str | None:
    regions = model.regions
    return _unless(any(regions.levels) and (regions.face.enabled or regions.hands.enabled), _NO_MODULES)


def _without_map(model: ModelConfig) -> str | None:
    others = _other_maps(model)
    if len(others) == len(model.priors.maps):
        return "it has no body movement map"
    return _unless(others != ["body"], "without the body movement map it follows only whole poses")


def _other_maps(model: ModelConfig) -> list[str]:
    return [each for each in model.priors.maps if each != "movement"]


def _is_supervised(preset: Preset) -> bool:
    loss = preset.training.loss
    return any(getattr(loss, part) for part in LOCAL_LOSSES)


def _unless(has: bool, reason: str) -> str | None:
    return None if has else reason
