"""Files of our own in place of the public weights."""

from cyberhost_cli.weights.catalogue import Entry, WeightsFile


def entries(models):
    """Return a catalogue of what lies in a folder of models."""
    return tuple(Entry(folder.name, "for tests", "MIT", "", None, _files(folder)) for folder in models.iterdir())


def _files(folder):
    return tuple(WeightsFile(file.name, file.stat().st_size, "") for file in folder.iterdir())
