import pytest

from cyberhost_cli.config.load import load_preset


@pytest.fixture(scope="session")
def gestures():
    """Return the section of the base preset."""
    return load_preset("base").preset.gestures
