"""All public weights that can be imported."""

import difflib

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights.importers.animate_anyone import ANIMATE_ANYONE
from cyberhost_cli.weights.importers.cyberhost import CYBERHOST
from cyberhost_cli.weights.importers.echomimic_v2 import ECHOMIMIC_V2, ECHOMIMIC_V2_FAST
from cyberhost_cli.weights.importers.hallo import HALLO
from cyberhost_cli.weights.importers.table import Source

SOURCES = {source.name: source for source in (CYBERHOST, ECHOMIMIC_V2, ECHOMIMIC_V2_FAST, HALLO, ANIMATE_ANYONE)}


def find(name: str) -> Source:
    """Return the source of this name.

    Raises:
        CheckpointError: there is none; the hint names the nearest one.
    """
    if name not in SOURCES:
        near = difflib.get_close_matches(name, SOURCES, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(f'`{good}`' for good in SOURCES)}"
        raise CheckpointError(f"nothing named `{name}` can be imported", hint)
    return SOURCES[name]
