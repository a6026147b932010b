"""Packages that only some presets need."""

import importlib
from types import ModuleType

from cyberhost_cli.errors import CyberHostError


def need(module: str, user: str, extra: str) -> ModuleType:
    """Import a module for `user`, as "the detector `dwpose`"; its package comes with this extra of ours."""
    package, install = module.partition(".")[0], f"`pip install 'cyberhost[{extra}]'`"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or package).partition(".")[0]
        raise CyberHostError(
            f"{user} needs the package `{missing}`, which is not installed", f"install it with {install}"
        ) from error
    except ImportError as error:
        raise CyberHostError(
            f"{user} needs the package `{package}`, which does not load: {error}",
            f"install it again with {install}; on a server OpenCV also wants `apt install libgl1 libglib2.0-0`",
        ) from error
