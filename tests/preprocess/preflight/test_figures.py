import pytest

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import InputError, PresetError
from cyberhost_cli.preprocess.preflight.figures import tell
from cyberhost_cli.types import Figure

GOOD = Figure("face.light", 0.5, 0.3, None, "the light", "light it")
SMALL = Figure("face.height", 31.0, 64.0, None, "the face's height in pixels", "use a larger face")
LOUD = Figure("recording.bandwidth", 1234.5, None, 0.25, "the width", "use another")


def test_what_fits_is_silent(caplog):
    tell([GOOD], strict=False)
    tell([GOOD], strict=True)
    tell([Figure("hands.seen", 0.0, None, None, "the hands", "show them")], strict=True)
    assert not caplog.records


def test_each_misfit_is_one_warning_with_its_figure_and_what_to_do(caplog):
    tell([SMALL, GOOD, LOUD], strict=False)
    assert [record.getMessage() for record in caplog.records] == [
        "the face's height in pixels is 31, expected at least 64 (`face.height`): use a larger face",
        "the width is 1234, expected at most 0.25 (`recording.bandwidth`): use another",
    ]


def test_strict_names_all_of_them_in_one_error(caplog):
    with pytest.raises(InputError) as caught:
        tell([SMALL, GOOD, LOUD, SMALL], strict=True)
    assert caught.value.message.count("`face.height`") == 2
    assert "`recording.bandwidth`" in caught.value.message
    assert "`face.light`" not in caught.value.message
    assert caught.value.hint == "use a larger face; use another; or leave `--strict` out"
    assert not caplog.records


def test_limits_are_set_by_the_name_of_the_figure():
    preset = load_preset("demo", ["preflight.face.height=[31, null]"]).preset
    assert preset.preflight.face.height == (31, None)
    with pytest.raises(PresetError) as caught:
        load_preset("demo", ["preflight.face.turn=[40, -40]"])
    assert caught.value.message == "preflight.face.turn: expected the lower limit first, found [40.0, -40.0]"
