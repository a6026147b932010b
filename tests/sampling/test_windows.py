import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhost_cli.sampling import chunks, windows

PLANS = st.tuples(st.integers(1, 300), st.integers(1, 30), st.integers(0, 15)).filter(lambda p: 2 * p[2] <= p[1])
"""Frames, frames of a window, overlap; presets forbid overlaps of more than half a window."""


@given(PLANS, st.booleans(), st.integers(0, 40))
def test_every_frame_is_covered_and_none_twice_by_one_window(case, looped, by):
    frames, size, overlap = case
    plan = windows.moved(windows.plan(frames, size, overlap, looped), by, frames)
    assert set(plan.flatten()) == set(range(frames))
    assert plan.shape[1] == min(size, frames)
    assert all(len(set(window)) == len(window) for window in plan)


@given(PLANS)
def test_windows_that_stay_in_place_are_chunks_whose_last_begins_early(case):
    frames, size, overlap = case
    plan, cover = windows.plan(frames, size, overlap, looped=False), chunks.plan(frames, size, overlap)
    last = max(0, frames - size)
    assert [window[0] for window in plan] == [min(chunk.start, last) for chunk in cover]
    assert all(np.array_equal(window, np.arange(window[0], window[0] + plan.shape[1])) for window in plan)


@given(PLANS)
def test_looped_windows_share_the_overlap_and_the_last_reaches_the_first(case):
    frames, size, overlap = case
    plan = windows.plan(frames, size, overlap, looped=True)
    for before, after in itertools.pairwise(plan):
        assert np.array_equal(before[size - overlap :], after[:overlap])
    if frames > size:
        assert (plan[-1][-1] + 1) % frames <= size
        assert len(plan) == -(-frames // (size - overlap))


@pytest.mark.parametrize(
    ("frames", "theirs"),
    [
        (5, [[0, 1, 2, 3, 4]]),
        (12, [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]),
        (13, [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [9, 10, 11, 12, 0, 1, 2, 3, 4, 5, 6, 7]]),
        (
            20,
            [
                [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
                [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0],
                [18, 19, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            ],
        ),
        (
            27,
            [
                [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
                [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
                [18, 19, 20, 21, 22, 23, 24, 25, 26, 0, 1, 2],
            ],
        ),
        (
            30,
            [
                [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
                [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
                [18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
                [27, 28, 29, 0, 1, 2, 3, 4, 5, 6, 7, 8],
            ],
        ),
    ],
)
def test_looped_windows_are_echomimic_v2s(frames, theirs):
    """The numbers are what `uniform(0, 30, frames, 12, 1, 3)` of its `src/pipelines/context.py` gives (a312dec)."""
    assert windows.plan(frames, 12, 3, looped=True).tolist() == theirs


def test_looped_windows_of_a_long_clip_are_echomimic_v2s():
    plan = windows.plan(240, 12, 3, looped=True)
    assert plan[:, 0].tolist() == list(range(0, 240, 9))
    assert plan[-1].tolist() == [234, 235, 236, 237, 238, 239, 0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("frames", "starts"), [(24, [0]), (30, [0, 20]), (50, [0, 20, 40])])
def test_looped_windows_are_animate_anyones(frames, starts):
    """The numbers are what `uniform(0, 30, frames, 24, 1, 4)` of its `src/pipelines/context.py` gives (a914ef3)."""
    plan = windows.plan(frames, 24, 4, looped=True)
    assert plan[:, 0].tolist() == starts
    assert plan[-1, -1] == (starts[-1] + 23) % frames


def test_windows_move_round_the_end():
    plan = windows.plan(13, 12, 3, looped=True)
    assert windows.moved(plan, 6, 13).tolist() == [
        [6, 7, 8, 9, 10, 11, 12, 0, 1, 2, 3, 4],
        [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0],
    ]
