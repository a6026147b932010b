import math

import pytest

from cyberhost_cli.errors import CyberHostError
from cyberhost_cli.preprocess import optional


def test_an_installed_module_is_imported():
    assert optional.need("math", "somebody", "extra") is math


def test_the_missing_package_is_named_even_if_another_wants_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "wants_another.py").write_text("import not_there.at_all\n")
    with pytest.raises(CyberHostError) as raised:
        optional.need("wants_another", "the detector `x`", "more")
    assert raised.value.message == "the detector `x` needs the package `not_there`, which is not installed"
    assert raised.value.hint == "install it with `pip install 'cyberhost[more]'`"


def test_a_package_that_does_not_load_says_why(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "without_library.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')\n")
    with pytest.raises(CyberHostError, match=r"`without_library`, which does not load: libGL\.so\.1") as raised:
        optional.need("without_library.part", "the detector `x`", "more")
    assert "libgl1" in raised.value.hint
