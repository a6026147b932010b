import pickle
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from cyberhost_cli.training.order import Order

COUNTS = st.lists(st.integers(1, 6), min_size=1, max_size=6)
BATCH = st.integers(1, 7)
SEED = st.integers(0, 3)


def shards_of(counts, clips):
    """Return the shard of each clip."""
    owners = [shard for shard, count in enumerate(counts) for _ in range(count)]
    return [owners[clip] for clip in clips]


def visits(counts, clips):
    """Cut what a row reads into visits of a shard; the last may not be at its end."""
    visited, place = [], 0
    while place < len(clips):
        (shard,) = shards_of(counts, clips[place : place + 1])
        visited.append((shard, clips[place : place + counts[shard]]))
        place += counts[shard]
    return visited


@given(COUNTS, BATCH, SEED)
def test_a_row_reads_each_shard_once_around(counts, batch, seed):
    order = Order(counts, batch, seed)
    for row in range(batch):
        for shard, clips in visits(counts, [order.clip(step, row) for step in range(30)]):
            first = sum(counts[:shard])
            places = [clip - first for clip in clips]
            assert places == [(places[0] + number) % counts[shard] for number in range(len(places))]


@given(COUNTS, BATCH, SEED, st.integers(1, 3))
def test_each_round_holds_every_shard_once(counts, batch, seed, rounds):
    order, dealt = Order(counts, batch, seed), {}
    enough = len(counts) * rounds * max(counts)
    for row in range(batch):
        read = visits(counts, [order.clip(step, row) for step in range(enough)])
        dealt |= {row + turn * batch: shard for turn, (shard, _) in enumerate(read)}
    for around in range(rounds):
        cards = [dealt[around * len(counts) + place] for place in range(len(counts))]
        assert sorted(cards) == list(range(len(counts)))


@given(st.integers(1, 5), st.integers(1, 5), BATCH, SEED)
def test_each_clip_comes_as_often_as_any_other(shards, count, batch, seed):
    order = Order([count] * shards, batch, seed)
    # After so many steps all rows are at the end of a shard, and of a round.
    seen = Counter(order.clip(step, row) for step in range(shards * count) for row in range(batch))
    assert seen == dict.fromkeys(range(shards * count), batch)


@given(COUNTS, BATCH, SEED, st.lists(st.tuples(st.integers(0, 200), st.integers(0, 6)), max_size=5))
def test_a_clip_depends_on_nothing_that_was_asked_before(counts, batch, seed, asked):
    order, other = Order(counts, batch, seed), pickle.loads(pickle.dumps(Order(counts, batch, seed)))
    fresh = [Order(counts, batch, seed).clip(step, row % batch) for step, row in asked]
    assert [order.clip(step, row % batch) for step, row in asked] == fresh
    assert [other.clip(step, row % batch) for step, row in reversed(asked)] == fresh[::-1]


def test_the_seed_changes_the_order():
    def read(seed):
        order = Order([4, 3, 5, 4], 2, seed)
        return [order.clip(step, row) for step in range(16) for row in range(2)]

    assert read(0) == read(0)
    assert read(0) != read(1)


def test_rows_at_one_shard_are_at_different_places():
    order = Order([40], 8, 0)
    assert len({order.clip(0, row) for row in range(8)}) > 4
