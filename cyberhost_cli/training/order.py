"""Which clip a row of a step takes: read from disk one after the other, by any number of processes."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

_SHARDS, _STARTS = 0, 1
"""What a number is drawn for."""


class Order:
    """The clips of an endless training, shard after shard.

    All shards in a new random order, again and again, are dealt out to the rows of a batch like cards. A row reads each
    of its shards once around from a random clip of it, one clip a step. So every clip comes once in each round of the
    shards, reading is sequential, and who draws a row does not matter.

    Args:
        counts: clips in each shard.
        batch: rows of a step, over all processes.
        seed: of all chance.
    """

    def __init__(self, counts: Sequence[int], batch: int, seed: int) -> None:
        self._counts, self._batch, self._seed = counts, batch, seed
        self._firsts = np.concatenate([[0], np.cumsum(counts)]).tolist()
        # Kept, since they are costly: the shards of each round, and the steps at which a row comes to its shards.
        self._rounds: dict[int, list[int]] = {}
        self._steps: dict[int, list[int]] = {}

    def clip(self, step: int, row: int) -> int:
        """Return the number of the clip, counted over all shards."""
        steps = self._steps.setdefault(row, [0])
        while steps[-1] <= step:
            steps.append(steps[-1] + self._counts[self._shard(row, len(steps) - 1)])
        turn = bisect_right(steps, step) - 1
        shard = self._shard(row, turn)
        start = self._draw(_STARTS, row + turn * self._batch).integers(self._counts[shard])
        return int(self._firsts[shard] + (start + step - steps[turn]) % self._counts[shard])

    def _shard(self, row: int, turn: int) -> int:
        """Return the shard that a row reads after so many others."""
        around, place = divmod(row + turn * self._batch, len(self._counts))
        if around not in self._rounds:
            self._rounds[around] = self._draw(_SHARDS, around).permutation(len(self._counts)).tolist()
        return self._rounds[around][place]

    def _draw(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, purpose, number])
