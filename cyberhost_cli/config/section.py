"""What all sections of a preset share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def expect(holds: bool, key: str, expected: str, found: object) -> None:
    """Refuse a value of `key`, in the words that `complaint` shows."""
    if not holds:
        raise ValueError(f"{key}: expected {expected}, found {found}")


def expect_divisor(divisor: int, widths: tuple[int, ...], key: str, of: str) -> None:
    """Refuse a divisor that leaves a rest in one of the widths."""
    uneven = [width for width in widths if width % divisor]
    expect(not uneven, key, f"a divisor of every entry of {of} ({', '.join(map(str, widths))})", divisor)


class Section(BaseModel):
    """A part of a preset; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
