import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from cyberhost_cli.sampling import blend, chunks

PLANS = st.tuples(st.integers(1, 300), st.integers(1, 30), st.integers(0, 15)).filter(lambda p: 2 * p[2] <= p[1])
"""Frames, frames of a chunk, overlap; presets forbid overlaps of more than half a chunk."""


@given(PLANS)
def test_every_frame_is_covered_and_neighbours_share_the_overlap(case):
    frames, size, overlap = case
    plan = chunks.plan(frames, size, overlap)
    assert plan[0].start == 0
    assert plan[0].overlap == 0
    assert plan[-1].stop >= frames
    assert all(chunk.frames == size for chunk in plan)
    for before, after in itertools.pairwise(plan):
        assert before.stop < frames
        assert before.stop - after.start == after.overlap == overlap


@given(st.integers(1, 12), st.integers(1, 12))
def test_a_plan_of_one_chunk_has_no_overlap(frames, more):
    assert chunks.plan(frames, frames + more, 1) == (chunks.Chunk(0, frames + more, 0),)


@given(PLANS)
def test_join_yields_each_frame_once_in_order(case):
    frames, size, overlap = case
    plan = chunks.plan(frames, size, overlap)
    made = [torch.arange(c.start, c.stop, dtype=torch.float32)[:, None, None, None] for c in plan]
    joined = torch.cat(list(blend.join(made, plan, frames))).flatten()
    torch.testing.assert_close(joined, torch.arange(frames, dtype=torch.float32), atol=1e-4, rtol=1e-6)


def test_cross_fade_weights_add_up_to_one_and_rise():
    ones, zeros = torch.ones(4, 1, 1, 1), torch.zeros(4, 1, 1, 1)
    torch.testing.assert_close(blend.cross_fade(ones, ones), ones)
    rising = blend.cross_fade(zeros, ones).flatten()
    torch.testing.assert_close(rising, torch.tensor([0.2, 0.4, 0.6, 0.8]))
