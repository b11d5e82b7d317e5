"""The fast path of the engine for more than 64 rows: histograms whose entries hold a sum and a count in one integer.

Every column is a lane of positions, its bins in ascending order. A node's sums over all splits are a histogram over
these positions, added up from left to right within each lane; the larger child's are the node's minus the smaller
child's. A column with missing values has a second lane, bins in descending order, for the splits with missing values on
the other side: its sums follow from the first lane's, and are needed only in nodes where a value is missing. Nodes of
few rows compare their rows in pairs instead, eight lanes a vector, which costs less than going over all positions.

Gradients are whole multiples of one power of two here, checked before every tree as in `small.py`, so a sum of
gradients and the number of rows fit one 64-bit integer, sum << shift | count: adding such integers is exact in any
order, and one operation. If gradients are no such multiples, `boost_large` returns False and `kernels.boost` grows the
ensemble.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from foretell.engine.bins import MISSING
from foretell.engine.kernels import leaf_value, score, start_value
from foretell.engine.simd import LANES, best_in_pairs, best_packed

# as in small.py: a digest of bins.py, kernels.py and simd.py, so that numba renews this file's machine code with them
CALLED_SOURCES = "a7cf72bbd9c1ea80"
_LOW_HALF = np.int64(0xFFFFFFFF)
_MIN_CHANGE_BITS = np.int64(np.float32(1e-6).view(np.int32))
_LARGEST_GRADIENT = 1e15


class Lanes(NamedTuple):
    """The splits of one training set. Every column is a lane of positions, one per bin; those without missing values
    come first. A column with missing values has two splits at a position: the known values up to it, or the known
    values beyond it, against all other rows.

    `starts` int64 [lanes + 1]: positions of each lane; `full`: how many lanes have no missing values; `columns` int64
    [lanes]; `keys` int64 [positions]: larger for splits that XGBoost tries earlier, 0 for none; `beyond_keys`: the same
    for splits whose side lies beyond the position; `splits` int64: of the keys, counted down from the largest, the
    position, or -1 - position for the values beyond it; `lane_of` int32 [positions]; `positions`, `test_positions`
    int32 [rows, lanes]; `row_keys` int64 [groups * rows * 8]: keys of the splits whose sides begin with a row, eight a
    group, those of `beyond_keys` from group `beyond_group` on; `missing` bool [rows]: is a value of the row missing.
    """

    starts: object
    full: object
    columns: object
    keys: object
    beyond_keys: object
    splits: object
    lane_of: object
    positions: object
    test_positions: object
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
    lane_at = np.argsort(columns)
    n_positions = starts[n_columns]
    room = (n_positions // LANES + 1) * LANES
    keys, beyond_keys, lane_of = np.zeros(room, np.int64), np.zeros(room, np.int64), np.zeros(room, np.int32)
    splits = np.empty(2 * n_positions, np.int64)
    rank = 0
    for c in range(n_columns):
        lane = lane_at[c]
        for k in range(starts[lane], starts[lane + 1]):
            keys[k], lane_of[k], splits[rank] = _LOW_HALF - rank, lane, k
            rank += 1
        if gaps[c]:
            for k in range(starts[lane + 1] - 2, starts[lane] - 1, -1):
                beyond_keys[k], splits[rank] = _LOW_HALF - rank, -1 - k
                rank += 1
    positions = find_positions(train_bins, starts, columns, np.int64(room))
    test_positions = find_positions(test_bins, starts, columns, np.int64(room))
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
                    key = beyond_keys[k - 1] if k > starts[lane] else np.int64(1)
                    row_keys[(slot // LANES * n + i) * LANES + slot % LANES] = key
    return Lanes(
        starts, full, columns, keys, beyond_keys, splits, lane_of, positions, test_positions, row_keys, beyond_group,
        missing,
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


@njit(nogil=True, cache=True, error_model="numpy")
def sum_positions(sums, lanes, packed, rows, start, end):  # type: ignore[no-untyped-def]
    """sums[k] = packed gradients added over those of rows[start:end] at positions up to k of k's lane."""
    positions, n_lanes = lanes.positions, np.uint64(lanes.columns.size)
    sums[:] = 0
    # unsigned indices: negative ones need not be looked for
    for i in range(np.uint64(start), np.uint64(end)):
        row = np.uint64(rows[i])
        value = packed[row]
        for lane in range(n_lanes):
            sums[np.uint64(positions[row, lane])] += value
    for lane in range(n_lanes):
        total = np.int64(0)
        for k in range(np.uint64(lanes.starts[lane]), np.uint64(lanes.starts[lane + np.uint64(1)])):
            total += sums[k]
            sums[k] = total


@njit(nogil=True, cache=True, error_model="numpy")
def best_of_sums(sums, beyond, lanes, shift, unit, node):  # type: ignore[no-untyped-def]
    """A node's best split as one integer, see `best_packed`; `beyond` is working space of the size of `sums`."""
    mask = (np.int64(1) << shift) - np.int64(1)
    g_node, n_node = np.float64(node >> shift) * unit, node & mask
    node_score = score(g_node, np.float64(n_node))
    end = lanes.keys.size
    best = best_packed(sums, lanes.keys, np.int64(0), end, shift, unit, g_node, n_node, node_score)
    some_missing = False
    for lane in range(lanes.full, lanes.columns.size):
        first, past = np.uint64(lanes.starts[lane]), np.uint64(lanes.starts[lane + 1])
        known = sums[past - np.uint64(1)] if past > first else np.int64(0)
        some_missing |= (known & mask) != n_node
        for k in range(first, past):
            beyond[k] = known - sums[k]
    if some_missing:
        start = lanes.starts[lanes.full] // LANES * LANES
        found = best_packed(beyond, lanes.beyond_keys, start, end, shift, unit, g_node, n_node, node_score)
        best = max(best, found)
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def best_of_few(lanes, packed, rows, start, end, shift, unit, node):  # type: ignore[no-untyped-def]
    """A node's best split as one integer, from comparing its rows in pairs."""
    mask = (np.int64(1) << shift) - np.int64(1)
    g_node, n_node = np.float64(node >> shift) * unit, node & mask
    node_score = score(g_node, np.float64(n_node))
    groups, size = lanes.beyond_group, packed.size * LANES
    some_missing = False
    for i in range(np.uint64(start), np.uint64(end)):
        some_missing |= lanes.missing[np.uint64(rows[i])]
    if some_missing:
        groups = lanes.row_keys.size // size
    best = np.int64(0)
    for group in range(groups):
        found = best_in_pairs(
            lanes.row_keys, group * size, packed, rows, start, end, shift, unit, g_node, n_node, node_score
        )
        best = max(best, found)
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def part(rows, spare, positions, start, end, lane, low, width):  # type: ignore[no-untyped-def]
    """Move the rows at positions low to low + width of the lane to the front of rows[start:end]; returns where the
    others start."""
    front, kept = np.uint64(start), np.uint64(0)
    for i in range(np.uint64(start), np.uint64(end)):
        row = rows[i]
        inside = np.uint64(np.uint64(positions[np.uint64(row), np.uint64(lane)] - low) <= width)
        rows[front] = row
        spare[kept] = row
        front += inside
        kept += np.uint64(1) - inside
    for i in range(kept):
        rows[front + i] = spare[i]
    return np.int64(front)


@njit(nogil=True, cache=True, error_model="numpy")
def add_leaf(predicted, rows, start, end, value):  # type: ignore[no-untyped-def]
    """Add a leaf's value to the predictions of rows[start:end]."""
    for i in range(np.uint64(start), np.uint64(end)):
        row = np.uint64(rows[i])
        predicted[row] = np.float32(predicted[row] + value)


@njit(nogil=True, cache=True, error_model="numpy")
def add_leaves(predicted, rows, positions, start, end, lane, low, width, inside, outside):  # type: ignore[no-untyped-def]
    """Add one leaf's value to the rows at positions low to low + width of the lane, the other leaf's to the others."""
    for i in range(np.uint64(start), np.uint64(end)):
        row = np.uint64(rows[i])
        within = np.uint64(positions[row, np.uint64(lane)] - low) <= width
        predicted[row] = np.float32(predicted[row] + (inside if within else outside))


@njit(nogil=True, cache=True, error_model="numpy")
def sum_side(packed, rows, positions, start, end, lane, low, width):  # type: ignore[no-untyped-def]
    """Packed gradients of those of rows[start:end] at positions low to low + width of the lane."""
    total = np.int64(0)
    for i in range(np.uint64(start), np.uint64(end)):
        row = np.uint64(rows[i])
        within = np.uint64(positions[row, np.uint64(lane)] - low) <= width
        total += packed[row] if within else np.int64(0)
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def pack_gradients(packed, predicted, y, scale, shift, limit):  # type: ignore[no-untyped-def]
    """packed[i] = gradient * scale << shift | 1; False where a gradient is no whole multiple or too large."""
    wrong = np.int64(0)
    for i in range(y.size):
        units = np.float64(np.float32(predicted[i] - y[i])) * scale
        whole = np.int64(min(max(units, -limit), limit))
        wrong |= np.int64(np.float64(whole) != units)
        packed[i] = (whole << shift) + np.int64(1)
    return wrong == 0


@njit(nogil=True, cache=True, error_model="numpy")
def packing(y, base):  # type: ignore[no-untyped-def]
    """(scale, shift, limit): gradients times the power of two `scale` are to be whole and at most `limit`, so that sums
    of all of them fit 53 bits and, with a count of `shift` bits, 63. Scale 0: targets too large for float32 squares."""
    shift = np.int64(math.frexp(np.float64(y.size))[1])
    bits = min(np.int64(52), np.int64(62) - shift)
    limit = np.floor(math.ldexp(1.0, bits) / y.size)
    largest = 0.0
    for i in range(y.size):
        largest = max(largest, abs(np.float64(np.float32(base - y[i]))))
    if largest == 0.0:
        return 1.0, shift, limit
    if not 4.0 * largest * y.size < _LARGEST_GRADIENT:
        return 0.0, shift, limit
    return math.ldexp(1.0, bits - math.frexp(4.0 * largest * y.size)[1]), shift, limit


@njit(nogil=True, cache=True, error_model="numpy")
def boost_large(lanes, y, n_test, rate, depth, sizes, few, sums, out):  # type: ignore[no-untyped-def]
    """Grow one ensemble; write test predictions after each of `sizes` trees to `out` [sizes, n_test]. False: not exact.

    `sums` int64 [levels, 2, positions of first lanes + 8] is working space; nodes of at most `few` rows compare rows.
    """
    n = y.size
    base = start_value(y)
    scale, shift, limit = packing(y, base)
    if scale == 0.0:
        return False
    unit = 1.0 / scale
    mask = (np.int64(1) << shift) - np.int64(1)
    positions, test_positions = lanes.positions, lanes.test_positions
    predicted, predicted_test = np.full(n, base, np.float32), np.full(n_test, base, np.float32)
    packed = np.empty(n, np.int64)
    rows, test_rows = np.arange(n).astype(np.uint32), np.arange(n_test).astype(np.uint32)
    spare, beyond = np.empty(max(n, n_test) + 1, np.uint32), np.zeros(sums.shape[2], np.int64)
    # nodes still to be finished: rows and test rows [start, end), level, which of the level's two sums
    bounds = np.empty((depth + 2, 6), np.int64)
    node_of, key_of = np.empty(depth + 2, np.int64), np.empty(depth + 2, np.int64)
    size_at = 0
    for tree in range(sizes[-1]):
        if not pack_gradients(packed, predicted, y, scale, shift, limit):
            return False
        root = np.int64(0)
        for i in range(n):
            root += packed[i]
        if n > few:
            sum_positions(sums[0, 0], lanes, packed, rows, 0, n)
            key_of[0] = best_of_sums(sums[0, 0], beyond, lanes, shift, unit, root)
        else:
            key_of[0] = best_of_few(lanes, packed, rows, 0, n, shift, unit, root)
        node_of[0] = root
        bounds[0, 0], bounds[0, 1], bounds[0, 2], bounds[0, 3], bounds[0, 4], bounds[0, 5] = 0, n, 0, n_test, 0, 0
        waiting = 1
        while waiting > 0:
            waiting -= 1
            start, end, test_start, test_end, level, which = bounds[waiting]
            node, key = node_of[waiting], key_of[waiting]
            if (key >> 32) <= _MIN_CHANGE_BITS:
                leaf = leaf_value(np.float64(node >> shift) * unit, np.float64(node & mask), rate)
                add_leaf(predicted, rows, start, end, leaf)
                add_leaf(predicted_test, test_rows, test_start, test_end, leaf)
                continue
            split = lanes.splits[_LOW_HALF - (key & _LOW_HALF)]
            k = split if split >= 0 else -1 - split
            lane = np.int64(lanes.lane_of[k])
            # rows inside: from position low to low + width, those below the training values included
            low, width = (np.int64(-1), np.uint64(k + 1)) if split >= 0 else (k + 1, np.uint64(beyond.size - 3 - k))
            if end - start <= few:
                inside = sum_side(packed, rows, positions, start, end, lane, low, width)
            elif split >= 0:
                inside = sums[level, which, k]
            else:
                inside = sums[level, which, lanes.starts[lane + 1] - 1] - sums[level, which, k]
            outside = node - inside
            if level + 1 == depth or end - start == 2:
                leaf = leaf_value(np.float64(inside >> shift) * unit, np.float64(inside & mask), rate)
                other = leaf_value(np.float64(outside >> shift) * unit, np.float64(outside & mask), rate)
                add_leaves(predicted, rows, positions, start, end, lane, low, width, leaf, other)
                add_leaves(
                    predicted_test, test_rows, test_positions, test_start, test_end, lane, low, width, leaf, other
                )
                continue
            middle = part(rows, spare, positions, start, end, lane, low, width)
            test_middle = part(test_rows, spare, test_positions, test_start, test_end, lane, low, width)
            # the side with fewer rows is summed, the other's sums are the node's minus them; neither if both are few
            inside_is_less = middle - start <= end - middle
            if max(middle - start, end - middle) > few:
                node_sums, less_sums, more_sums = sums[level, which], sums[level + 1, 0], sums[level + 1, 1]
                less_start, less_end = (start, middle) if inside_is_less else (middle, end)
                sum_positions(less_sums, lanes, packed, rows, less_start, less_end)
                for c in range(less_sums.size):
                    more_sums[c] = node_sums[c] - less_sums[c]
            for side in range(2):
                first, past, child = (start, middle, inside) if side == 0 else (middle, end, outside)
                at = np.int64((side == 0) != inside_is_less)
                child_key = np.int64(0)
                if past - first > few:
                    child_key = best_of_sums(sums[level + 1, at], beyond, lanes, shift, unit, child)
                elif past - first > 1:
                    child_key = best_of_few(lanes, packed, rows, first, past, shift, unit, child)
                test_first, test_past = (test_start, test_middle) if side == 0 else (test_middle, test_end)
                bounds[waiting, 0], bounds[waiting, 1] = first, past
                bounds[waiting, 2], bounds[waiting, 3] = test_first, test_past
                bounds[waiting, 4], bounds[waiting, 5] = level + 1, at
                node_of[waiting], key_of[waiting] = child, child_key
                waiting += 1
        while size_at < sizes.size and sizes[size_at] == tree + 1:
            for i in range(n_test):
                out[size_at, i] = predicted_test[i]
            size_at += 1
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def boost_all_large(train_bins, test_bins, bin_starts, y, rates, depths, sizes, out, exact):  # type: ignore[no-untyped-def]
    """Grow every ensemble (rates[e], depths[e]) into `out` [ensembles, sizes, n_test]; `exact[e]`: could it be."""
    n, n_test = train_bins.shape[0], test_bins.shape[0]
    lanes = list_lanes(train_bins, test_bins, bin_starts)
    deepest = 1
    for e in range(depths.size):
        deepest = max(deepest, min(depths[e], n))
    sums = np.empty((deepest + 1, 2, lanes.keys.size + 1), np.int64)
    # comparing m rows in pairs costs about m * m / 2 ns a group of eight lanes, sums over positions about 1/2 ns each
    few = np.int64(math.sqrt(bin_starts[-1] / max(1, lanes.beyond_group)))
    for e in range(rates.size):
        exact[e] = boost_large(lanes, y, n_test, rates[e], depths[e], sizes, few, sums, out[e])
