import os
import random
import signal
import sys
import tempfile

import hypothesis
import pytest

# Tiny models gain nothing by a second thread, and on a busy machine the two wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell starts what it puts into the background with Ctrl-C ignored, and processes that tests stop would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What tests prepare is kept for their own session alone.
_KEPT = tempfile.TemporaryDirectory(prefix="cyberhost-tests-")
os.environ["CYBERHOST_CACHE"] = _KEPT.name

# How long a test takes says nothing on a busy machine.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")


def pytest_collection_modifyitems(items):
    """Skip `gpu` tests where there is none, unless `FAIL_WITHOUT_CUDA` forbids it."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked or os.environ.get("FAIL_WITHOUT_CUDA"):
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device; set FAIL_WITHOUT_CUDA to fail instead"))


@pytest.fixture(autouse=True)
def _restore_randomness():
    """Let no test see the random state that another one left."""
    python = random.getstate()
    torch = sys.modules.get("torch")
    state = torch.get_rng_state() if torch else None
    yield
    random.setstate(python)
    if torch:
        torch.set_rng_state(state)


TINY = (
    "model.backbone.widths=[8,16]",
    "model.backbone.attention=[false,true]",
    "model.backbone.latent_channels=4",
    "model.backbone.norm_groups=4",
    "model.motion.levels=[true,true]",
    "model.regions.levels=[false,true]",
    "model.regions.face.spatial_latents=8",
    "model.regions.face.temporal_latents=4",
    "model.regions.face.identity_widths=[8,16]",
    "model.regions.hands.spatial_latents=8",
    "model.regions.hands.temporal_latents=4",
    "model.regions.hands.identity_widths=[8,16]",
    "model.audio.hidden=16",
    "model.audio.width=16",
    "model.priors.maps=[movement]",
    "model.priors.pose_channels=[4,8,8]",
    "model.autoencoder.widths=[8,8,8]",
    "model.autoencoder.norm_groups=4",
    "picture.width=32",
    "picture.height=32",
    "picture.face_size=16",
    "picture.hand_size=16",
    "gestures.unasked=false",
    "gestures.place=body",
    "sampling.solver=ddim",
    "sampling.steps=2",
    "sampling.spacing=1",
    "sampling.guidance.audio=2.0",
    "sampling.guidance.limit=null",
    "sampling.plan=sequential",
    "sampling.shift=0",
    "sampling.chunk_frames=6",
)
"""The embedded model's preset at a size for tests: a second on one core."""


@pytest.fixture(scope="session")
def tiny():
    """Return the loaded preset of a tiny model."""
    from cyberhost_cli.config.load import load_preset

    return load_preset("demo", TINY)


@pytest.fixture(scope="session")
def tiny_model(tiny):
    """Return a tiny model none of whose parts is silent: what starts at zero has random values."""
    import torch

    from cyberhost_cli.models.cyberhost import CyberHost

    torch.manual_seed(0)
    model = CyberHost(tiny.preset.model).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return model.requires_grad_(False)
