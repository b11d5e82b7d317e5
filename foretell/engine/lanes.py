"""The splits of a training set as `large.py` goes through them, and where every row lies among them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from foretell.engine.bins import MISSING
from foretell.engine.simd import LANES

# keys of splits are counted down from here, in the order in which XGBoost tries them
FIRST_KEY = np.int64(0xFFFFFFFF)


class Lanes(NamedTuple):
    """The splits of one training set. Every column is a lane of positions, one per bin; those without missing values
    come first. The split at a position has the known values up to it on one side. In columns with missing values there
    are also splits that have the known values beyond a position on one side.

    `starts` int64 [lanes + 1]: positions of each lane; `full`: how many lanes have no missing values; `columns` int64
    [lanes]; `beyond` int64 [lanes]: where the lane's splits of the second kind are, -1 without; `keys` int64 [splits]:
    larger for splits that XGBoost tries earlier, 0 for none; `split_of` int64: the split of a key, counted down from
    the largest; `sides` int32 [splits, 3]: the lane, and the first and the last position on the split's side;
    `positions` int32 [rows, lanes]; `lane_positions`, `test_positions` int32 [lanes, rows]; `order` uint32: each lane's
    rows with a known value by their `order_positions`, from `order_starts` on; `row_keys` int64 [groups * rows * 8]:
    keys of the splits whose sides begin with a row, eight a group, those of the second kind from group `beyond_group`
    on; `missing` bool [rows]: is a value of the row missing.
    """

    starts: object
    full: object
    columns: object
    beyond: object
    keys: object
    split_of: object
    sides: object
    positions: object
    lane_positions: object
    test_positions: object
    order: object
    order_starts: object
    order_positions: object
    row_keys: object
    beyond_group: object
    missing: object


@njit(nogil=True, cache=True, error_model="numpy")
def list_lanes(train_bins, test_bins, bin_starts):  # type: ignore[no-untyped-def]
    """The lanes of a training set."""
    n, n_columns = train_bins.shape[0], bin_starts.size - 1
    missing, gaps = np.zeros(n, np.bool_), np.zeros(n_columns, np.bool_)
    for c in range(n_columns):
        for i in range(n):
            if train_bins[i, c] == MISSING:
                missing[i] = gaps[c] = True
    full = n_columns - np.count_nonzero(gaps)
    columns, starts = np.empty(n_columns, np.int64), np.zeros(n_columns + 1, np.int64)
    lane = 0
    for with_gaps in range(2):
        for c in range(n_columns):
            if gaps[c] == (with_gaps == 1):
                columns[lane] = c
                starts[lane + 1] = starts[lane] + bin_starts[c + 1] - bin_starts[c]
                lane += 1
    n_positions = starts[n_columns]
    beyond = np.full(n_columns, np.int64(-1))
    first_beyond = (n_positions // LANES + 1) * LANES
    n_splits = first_beyond
    for lane in range(full, n_columns):
        beyond[lane] = n_splits
        n_splits += max(0, starts[lane + 1] - starts[lane] - 1)
    room = max(16, (n_splits + 15) // 16 * 16)
    keys, sides, split_of = np.zeros(room, np.int64), np.zeros((room, 3), np.int32), np.empty(room, np.int64)
    lane_at = np.argsort(columns)
    rank = 0
    for c in range(n_columns):
        lane = lane_at[c]
        for k in range(starts[lane], starts[lane + 1]):
            keys[k], split_of[rank] = FIRST_KEY - rank, k
            # values below the training values have the position before the lane's first
            sides[k, 0], sides[k, 1], sides[k, 2] = lane, starts[lane] - 1, k
            rank += 1
        if gaps[c]:
            for k in range(starts[lane + 1] - 2, starts[lane] - 1, -1):
                split = beyond[lane] + k - starts[lane]
                keys[split], split_of[rank] = FIRST_KEY - rank, split
                sides[split, 0], sides[split, 1], sides[split, 2] = lane, k + 1, starts[lane + 1]
                rank += 1
    # a missing value has a position that no side includes
    positions = find_positions(train_bins, starts, columns, np.int64(room))
    lane_positions = positions.T.copy()
    test_positions = find_positions(test_bins, starts, columns, np.int64(room)).T.copy()
    order, order_positions = np.empty(n * n_columns, np.uint32), np.empty(n * n_columns, np.uint32)
    order_starts, at = np.zeros(n_columns + 1, np.int64), 0
    for lane in range(n_columns):
        for i in np.argsort(lane_positions[lane], kind="mergesort"):
            if lane_positions[lane, i] != room:
                order[at], order_positions[at] = i, lane_positions[lane, i]
                at += 1
        order_starts[lane + 1] = at
    beyond_group = (n_columns + LANES - 1) // LANES
    groups = beyond_group + (n_columns - full + LANES - 1) // LANES
    row_keys = np.zeros(groups * n * LANES, np.int64)
    for i in range(n):
        for lane in range(n_columns):
            k = positions[i, lane]
            if k != room:
                row_keys[(lane // LANES * n + i) * LANES + lane % LANES] = keys[k]
                if lane >= full:
                    slot = beyond_group * LANES + lane - full
                    # the first bin's side, all known values, is a side of the keys above too, where it is tried earlier
                    key = keys[beyond[lane] + k - 1 - starts[lane]] if k > starts[lane] else np.int64(1)
                    row_keys[(slot // LANES * n + i) * LANES + slot % LANES] = key
    return Lanes(
        starts, full, columns, beyond, keys, split_of, sides, positions, lane_positions, test_positions, order,
        order_starts, order_positions, row_keys, beyond_group, missing,
    )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def find_positions(bins, starts, columns, nowhere):  # type: ignore[no-untyped-def]
    """Position of every row in every lane, int32 [rows, lanes]: `nowhere` for a missing value. Values below or beyond
    the training values lie one before or after their lane's positions."""
    positions = np.empty((bins.shape[0], columns.size), np.int32)
    for i in range(bins.shape[0]):
        for lane in range(columns.size):
            b = bins[i, columns[lane]]
            positions[i, lane] = nowhere if b == MISSING else starts[lane] + b
    return positions
