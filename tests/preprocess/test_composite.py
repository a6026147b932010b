import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from cyberhost_cli.preprocess import regions
from cyberhost_cli.preprocess.composite import Compositor, composite_size
from cyberhost_cli.types import Box, Placement

INSIDE = Box(100.3, 40.7, 330.9, 271.3)
BEYOND = Box(-20.2, -30.5, 300.1, 289.8)
CORNER = Box(250.6, 280.25, 550.6, 580.25)


@pytest.fixture
def config(configs):
    """Make the picture section for frames of one size."""
    return lambda width, height, **update: configs.picture.model_copy(
        update={"width": width, "height": height, **update}
    )


def shift(moved, still):
    """Return by how many pixels a picture is moved against another, across and down."""
    moved, still = (gaussian_filter(pixels.mean(axis=2), 2.0)[20:-20, 20:-20] for pixels in (moved, still))
    down, across = np.gradient(still)
    slopes = np.stack([across.ravel(), down.ravel()], axis=1)
    return -np.linalg.lstsq(slopes, (moved - still).ravel(), rcond=None)[0]


def test_the_ruler_itself_sees_a_tenth_of_a_pixel(astronaut):
    moved = regions.cut(astronaut, Box(-0.1, 0.2, 511.9, 512.2), 512, 512)
    assert shift(moved, astronaut) == pytest.approx([0.1, -0.2], abs=0.02)


@pytest.mark.parametrize("box", [INSIDE, BEYOND, CORNER, Box(60.0, 50.0, 188.0, 178.0)])
@pytest.mark.parametrize("side", [128, 256, 640])
def test_the_frames_own_crop_lies_on_the_picture(config, astronaut, box, side):
    own = regions.cut(astronaut, box, side, side)
    (pasted,) = Compositor(astronaut, Placement(box, 512, 512), config(side, side)).paste(own[None])
    rows = slice(max(0, int(box.top)), int(box.bottom))
    columns = slice(max(0, int(box.left)), int(box.right))
    assert shift(pasted[rows, columns], astronaut[rows, columns]) == pytest.approx([0, 0], abs=0.1)
    # A coarse frame cannot be as sharp as the picture, a fine one can.
    error = np.abs(pasted[rows, columns].astype(int) - astronaut[rows, columns]).mean()
    assert error < (1.5 if side > box.width else 6)


def test_a_frame_that_is_not_square_lies_on_the_picture_too(config, astronaut):
    box = Box(100.3, 20.7, 300.3, 353.7)
    own = regions.cut(astronaut, box, 640, 384)
    (pasted,) = Compositor(astronaut, Placement(box, 512, 512), config(384, 640)).paste(own[None])
    assert np.abs(pasted.astype(int) - astronaut).mean() < 0.5


@pytest.fixture
def opacity(config):
    """Return the share of the frame in every pixel of a grey picture."""

    def opacity(box, height=512, width=512, **update):
        grey = np.zeros((height, width, 3), np.uint8)
        white = np.full((1, 64, 64, 3), 255, np.uint8)
        placement = Placement(box, height, width)
        return Compositor(grey, placement, config(64, 64, **update)).paste(white)[0, :, :, 0] / 255

    return opacity


def test_the_edge_is_soft_within_the_picture_and_as_wide_as_the_preset_says(opacity):
    shown = opacity(INSIDE, feather=0.1)
    rows, columns = slice(41, 271), slice(101, 330)
    outside = shown.copy()
    outside[rows, columns] = 0
    assert not outside.any()
    across, down = shown[156], shown[:, 215]
    for profile, start, stop in ((across, 100.3, 330.9), (down, 40.7, 271.3)):
        rising, falling = profile[: int(start) + 60], profile[int(stop) - 60 :]
        assert (np.diff(rising) >= 0).all()
        assert (np.diff(falling) <= 0).all()
        assert np.flatnonzero(profile == 1).min() + 0.5 == pytest.approx(start + 23, abs=2)
        assert np.flatnonzero(profile == 1).max() + 0.5 == pytest.approx(stop - 23, abs=2)
        assert np.interp(start + 11.5, np.arange(512) + 0.5, profile) == pytest.approx(0.5, abs=0.01)
        assert np.abs(np.diff(profile)).max() < 0.08


def test_where_the_frame_reaches_beyond_the_picture_it_is_whole_up_to_the_edge(opacity):
    left_top = opacity(BEYOND)
    assert (left_top[:200, :200] == 1).all()
    assert left_top[100, 299] < 0.05
    right_bottom = opacity(CORNER)
    assert (right_bottom[400:, 400:] == 1).all()
    assert right_bottom[400, 251] < 0.05
    assert (opacity(Box(-1.0, -1.0, 513.0, 513.0)) == 1).all()


def test_a_frame_is_not_faded_at_the_line_that_is_cut_to_make_the_size_even(opacity):
    shown = opacity(Box(11.0, 11.0, 61.0, 61.0), 61, 61)
    assert shown.shape == (60, 60)
    assert shown[40, 59] == 1


def test_only_the_place_of_the_frame_changes_and_every_frame_is_its_own(config, astronaut):
    odd = astronaut[:511, :509]
    colours = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255)], dtype=np.uint8)
    frames = np.broadcast_to(colours[:, None, None], (3, 64, 64, 3)).copy()
    pasted = Compositor(odd, Placement(INSIDE, 511, 509), config(64, 64)).paste(frames)
    assert pasted.shape == (3, 510, 508, 3)
    assert (pasted[:, 150, 200] == colours).all()
    pasted[:, 41:271, 101:330] = odd[41:271, 101:330]
    assert (pasted == odd[:510, :508]).all()


def test_a_large_picture_is_scaled_down_once_and_that_is_told(config, astronaut, caplog):
    large = np.asarray(Image.fromarray(astronaut).resize((700, 1001), Image.Resampling.BICUBIC))
    box = Box(150.3, 80.2, 450.3, 380.2)
    settings = config(300, 300, max_composite_side=400)
    own = regions.cut(large, box, 300, 300)
    compositor = Compositor(large, Placement(box, 1001, 700), settings)
    (record,) = caplog.records
    assert "scaled down from 700x1001 to 278x400" in record.getMessage()
    assert "picture.max_composite_side" in record.getMessage()
    (pasted,) = compositor.paste(own[None])
    assert compositor.size == (278, 400) == composite_size(Placement(box, 1001, 700), settings)
    alone = regions.cut(large, Box(0.0, 0.0, 278 * 2.5025, 1001.0), 400, 278)
    assert np.abs(pasted.astype(int) - alone).mean() < 0.5
    assert shift(pasted, alone) == pytest.approx([0, 0], abs=0.02)


def test_nothing_is_told_of_a_picture_that_keeps_its_size(config, astronaut, caplog):
    assert Compositor(astronaut, Placement(INSIDE, 512, 512), config(64, 64)).size == (512, 512)
    assert not caplog.records


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(width=st.integers(64, 12_000), height=st.integers(64, 12_000), most=st.integers(64, 5000))
def test_the_size_is_even_within_the_bound_and_of_the_same_aspect(config, width, height, most):
    across, down = composite_size(Placement(INSIDE, height, width), config(64, 64, max_composite_side=most))
    assert across % 2 == down % 2 == 0
    assert max(across, down) <= most
    scale = min(1, most / max(width, height))
    assert width * scale - 2 < across <= width * scale + 1e-6
    assert height * scale - 2 < down <= height * scale + 1e-6
