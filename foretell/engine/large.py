"""The fast path of the engine for more than 64 rows: histograms whose entries hold a sum and a count in one integer.

Every column is a lane of positions, one per bin. A node's sums over all splits are a histogram over these positions,
added up from left to right within each lane; the larger child's are the node's minus the smaller child's. A column with
missing values has a second kind of splits, with missing values on the other side: their sums follow from the first
ones, and they are tried only in nodes where a value is missing. Nodes of few rows compare their rows in pairs instead,
eight lanes a vector, which costs less than going over all positions.

Gradients are whole multiples of one power of two here, checked before every tree as in `small.py`, so a sum of
gradients and the number of rows fit one 64-bit integer, sum << shift | count: adding such integers is exact in any
order, and one operation. If gradients are no such multiples, `boost_large` returns False and `kernels.boost` grows the
ensemble. Inner functions are compiled without reference counts (`_nrt=False`), which took a quarter of the time.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from foretell.engine.kernels import MIN_LOSS_CHANGE, leaf_value, score, start_value
from foretell.engine.lanes import FIRST_KEY, list_lanes
from foretell.engine.simd import LANES, best_in_pairs, best_packed, float_of_bits

# as in small.py: a digest of kernels.py, lanes.py and simd.py, so that numba renews this file's machine code with them
CALLED_SOURCES = "7c2c210384ebff44"
_LARGEST_GRADIENT = 1e15
# without reference counts, hence without allocations; numba's types do not know this option
_UNCOUNTED: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", "_nrt": False}
_INNER: dict[str, Any] = {**_UNCOUNTED, "forceinline": True}


class Work(NamedTuple):
    """Working space of `boost_large`: gradients with a count of one, predictions, rows of the nodes in the order of the
    tree, a list of rows, sums of two nodes a level int64 [levels * 2 * (splits + 8)], and the nodes still to be
    finished: rows and test rows [start, end), level and which of its two sums; packed sum; best split."""

    packed: object
    predicted: object
    predicted_test: object
    rows: object
    test_rows: object
    spare: object
    sums: object
    bounds: object
    node_of: object
    key_of: object


@njit(**_INNER)
def sum_beyond(sums, base, starts, full, beyond):  # type: ignore[no-untyped-def]
    """The sums of the splits whose side lies beyond a position, from those up to it."""
    base = np.uint64(base)
    for lane in range(np.uint64(full), np.uint64(beyond.size)):
        first, past = base + np.uint64(starts[lane]), base + np.uint64(starts[lane + np.uint64(1)])
        at = base + np.uint64(beyond[lane])
        if past > first:
            known = sums[past - np.uint64(1)]
            for k in range(first, past - np.uint64(1)):
                sums[at] = known - sums[k]
                at += np.uint64(1)


@njit(**_INNER)
def sum_all(sums, starts, full, beyond, order, order_starts, order_positions, packed):  # type: ignore[no-untyped-def]
    """`sum_sides` of all rows, in the order of their positions; every position has a row."""
    for lane in range(np.uint64(beyond.size)):
        total = np.int64(0)
        for i in range(np.uint64(order_starts[lane]), np.uint64(order_starts[lane + np.uint64(1)])):
            total += packed[np.uint64(order[i])]
            sums[np.uint64(order_positions[i])] = total
    sum_beyond(sums, 0, starts, full, beyond)


@njit(**_INNER)
def sum_sides(sums, base, n_splits, starts, full, beyond, positions, packed, rows, start, end):  # type: ignore[no-untyped-def]
    """sums[base + k] = packed gradients added over those of rows[start:end] that are on the side of split k."""
    n_lanes = np.uint64(beyond.size)
    # unsigned indices: negative ones need not be looked for
    base = np.uint64(base)
    for k in range(base, base + np.uint64(n_splits + 1)):
        sums[k] = 0
    for i in range(np.uint64(start), np.uint64(end)):
        row = np.uint64(rows[i])
        value = packed[row]
        for lane in range(n_lanes):
            sums[base + np.uint64(positions[row, lane])] += value
    for lane in range(n_lanes):
        total = np.int64(0)
        for k in range(base + np.uint64(starts[lane]), base + np.uint64(starts[lane + np.uint64(1)])):
            total += sums[k]
            sums[k] = total
    sum_beyond(sums, base, starts, full, beyond)


@njit(**_INNER)
def best_of_sums(sums, base, starts, full, keys, shift, node):  # type: ignore[no-untyped-def]
    """A node's best split as one integer, see `best_packed`."""
    mask = (np.int64(1) << shift) - np.int64(1)
    end = (starts[starts.size - 1] // LANES + 1) * LANES
    for lane in range(np.uint64(full), np.uint64(starts.size - 1)):
        first, past = starts[lane], starts[lane + np.uint64(1)]
        if past == first or (sums[np.uint64(base + past - 1)] & mask) != node & mask:
            end = keys.size  # a value is missing: the other splits differ from the first ones
            break
    return best_packed(sums, base, keys, end, shift, node)


@njit(**_INNER)
def best_of_few(row_keys, beyond_group, missing, packed, rows, start, end, shift, node):  # type: ignore[no-untyped-def]
    """A node's best split as one integer, from comparing its rows in pairs."""
    groups, size = beyond_group, packed.size * LANES
    some_missing = False
    for i in range(np.uint64(start), np.uint64(end)):
        some_missing |= missing[np.uint64(rows[i])]
    if some_missing:
        groups = row_keys.size // size
    best = np.int64(0)
    for group in range(groups):
        found = best_in_pairs(row_keys, group * size, packed, rows, start, end, shift, node)
        best = max(best, found)
    return best


@njit(**_INNER)
def part(rows, spare, positions, start, end, lane, low, width):  # type: ignore[no-untyped-def]
    """Move the rows at positions low to low + width of the lane to the front of rows[start:end]; returns where the
    others start."""
    front, kept = np.uint64(start), np.uint64(0)
    for i in range(np.uint64(start), np.uint64(end)):
        row = rows[i]
        inside = np.uint64(np.uint64(positions[np.uint64(lane), np.uint64(row)] - low) <= width)
        rows[front] = row
        spare[kept] = row
        front += inside
        kept += np.uint64(1) - inside
    for i in range(kept):
        rows[front + i] = spare[i]
    return np.int64(front)


@njit(**_INNER)
def add_leaf(predicted, rows, start, end, value):  # type: ignore[no-untyped-def]
    """Add a leaf's value to the predictions of rows[start:end]."""
    for i in range(np.uint64(start), np.uint64(end)):
        row = np.uint64(rows[i])
        predicted[row] = np.float32(predicted[row] + value)


@njit(**_INNER)
def add_leaves(predicted, rows, positions, start, end, lane, low, width, inside, outside):  # type: ignore[no-untyped-def]
    """Add one leaf's value to the rows at positions low to low + width of the lane, the other leaf's to the others."""
    for i in range(np.uint64(start), np.uint64(end)):
        row = np.uint64(rows[i])
        within = np.uint64(positions[np.uint64(lane), row] - low) <= width
        predicted[row] = np.float32(predicted[row] + (inside if within else outside))


@njit(**_INNER)
def sum_side(packed, rows, positions, start, end, lane, low, width):  # type: ignore[no-untyped-def]
    """Packed gradients of those of rows[start:end] at positions low to low + width of the lane."""
    total = np.int64(0)
    for i in range(np.uint64(start), np.uint64(end)):
        row = np.uint64(rows[i])
        within = np.uint64(positions[np.uint64(lane), row] - low) <= width
        total += packed[row] if within else np.int64(0)
    return total


@njit(**_INNER)
def pack_gradients(packed, predicted, y, scale, shift, limit):  # type: ignore[no-untyped-def]
    """packed[i] = gradient * scale << shift | 1; False where a gradient is no whole multiple or too large."""
    wrong = np.int64(0)
    for i in range(y.size):
        units = np.float64(np.float32(predicted[i] - y[i])) * scale
        whole = np.int64(min(max(units, -limit), limit))
        wrong |= np.int64(np.float64(whole) != units)
        packed[i] = (whole << shift) + np.int64(1)
    return wrong == 0


@njit(**_INNER)
def loss_change(key, node, shift, unit):  # type: ignore[no-untyped-def]
    """XGBoost's loss change of a node's best split. Gains were compared in whole units, which changes no comparison:
    scaled by a power of two they round alike, and of different gains the larger has the larger change."""
    gain = np.float32(np.float64(float_of_bits(np.int32(key >> 32))) * (unit * unit))
    n_node = np.float64(node & ((np.int64(1) << shift) - np.int64(1)))
    return np.float32(gain - score(np.float64(node >> shift) * unit, n_node))


@njit(nogil=True, cache=True, error_model="numpy")
def packing(y, base):  # type: ignore[no-untyped-def]
    """(scale, shift, limit): gradients times the power of two `scale` are to be whole and at most `limit`, so that sums
    of all of them fit 53 bits and, with a count of `shift` bits, 63. Scale 0: targets too large for float32 squares."""
    shift = math.frexp(float(y.size))[1]
    bits = min(52, 62 - shift)
    limit = np.floor(math.ldexp(1.0, bits) / y.size)
    largest = 0.0
    for i in range(y.size):
        largest = max(largest, abs(np.float64(np.float32(base - y[i]))))
    if largest == 0.0:
        return 1.0, shift, limit
    if not 4.0 * largest * y.size < _LARGEST_GRADIENT:
        return 0.0, shift, limit
    return math.ldexp(1.0, bits - math.frexp(4.0 * largest * y.size)[1]), shift, limit


@njit(**_UNCOUNTED)
def boost_large(lanes, work, y, rate, depth, sizes, few, out):  # type: ignore[no-untyped-def]
    """Grow one ensemble; write test predictions after each of `sizes` trees to `out` [sizes, n_test]. False: not exact.

    Nodes of at most `few` rows compare rows in pairs.
    """
    n, n_test = y.size, work.predicted_test.size
    base = start_value(y)
    scale, shift, limit = packing(y, base)
    if scale == 0.0:
        return False
    unit = 1.0 / scale
    mask = (np.int64(1) << shift) - np.int64(1)
    # arrays are handed to inner functions one by one: handing over all of `lanes` costs more than some of these calls
    starts, full, beyond, keys, split_of, sides = (
        lanes.starts, lanes.full, lanes.beyond, lanes.keys, lanes.split_of, lanes.sides,
    )  # fmt: skip
    positions, lane_positions, test_positions = lanes.positions, lanes.lane_positions, lanes.test_positions
    order, order_starts, order_positions = lanes.order, lanes.order_starts, lanes.order_positions
    row_keys, beyond_group, missing = lanes.row_keys, lanes.beyond_group, lanes.missing
    packed, predicted, predicted_test = work.packed, work.predicted, work.predicted_test
    rows, test_rows, spare, sums, room = work.rows, work.test_rows, work.spare, work.sums, keys.size + LANES
    bounds, node_of, key_of = work.bounds, work.node_of, work.key_of
    predicted[:], predicted_test[:] = base, base
    size_at = 0
    for tree in range(sizes[-1]):
        if not pack_gradients(packed, predicted, y, scale, shift, limit):
            return False
        root = np.int64(0)
        for i in range(n):
            root += packed[i]
        if n > few:
            sum_all(sums, starts, full, beyond, order, order_starts, order_positions, packed)
            key_of[0] = best_of_sums(sums, 0, starts, full, keys, shift, root)
        else:
            key_of[0] = best_of_few(row_keys, beyond_group, missing, packed, rows, 0, n, shift, root)
        node_of[0] = root
        bounds[0], bounds[1], bounds[2], bounds[3], bounds[4], bounds[5] = 0, n, 0, n_test, 0, 0
        waiting = 1
        while waiting > 0:
            waiting -= 1
            at = 6 * waiting
            start, end, test_start, test_end = bounds[at], bounds[at + 1], bounds[at + 2], bounds[at + 3]
            level, which, node, key = bounds[at + 4], bounds[at + 5], node_of[waiting], key_of[waiting]
            if not loss_change(key, node, shift, unit) > MIN_LOSS_CHANGE:
                leaf = leaf_value(np.float64(node >> shift) * unit, np.float64(node & mask), rate)
                add_leaf(predicted, rows, start, end, leaf)
                add_leaf(predicted_test, test_rows, test_start, test_end, leaf)
                continue
            split = split_of[FIRST_KEY - (key & FIRST_KEY)]
            lane, low = np.int64(sides[split, 0]), np.int64(sides[split, 1])
            width = np.uint64(sides[split, 2] - low)
            if end - start <= few:
                inside = sum_side(packed, rows, lane_positions, start, end, lane, low, width)
            else:
                inside = sums[(2 * level + which) * room + split]
            outside = node - inside
            if level + 1 == depth or end - start == 2:
                leaf = leaf_value(np.float64(inside >> shift) * unit, np.float64(inside & mask), rate)
                other = leaf_value(np.float64(outside >> shift) * unit, np.float64(outside & mask), rate)
                add_leaves(predicted, rows, lane_positions, start, end, lane, low, width, leaf, other)
                add_leaves(
                    predicted_test, test_rows, test_positions, test_start, test_end, lane, low, width, leaf, other
                )
                continue
            middle = part(rows, spare, lane_positions, start, end, lane, low, width)
            test_middle = part(test_rows, spare, test_positions, test_start, test_end, lane, low, width)
            # the side with fewer rows is summed, the other's sums are the node's minus them; neither if both are few
            inside_is_less = middle - start <= end - middle
            if max(middle - start, end - middle) > few:
                node_sums, less_sums = (2 * level + which) * room, (2 * level + 2) * room
                less_start, less_end = (start, middle) if inside_is_less else (middle, end)
                sum_sides(
                    sums, less_sums, keys.size, starts, full, beyond, positions, packed, rows, less_start, less_end
                )
                for k in range(np.uint64(room)):
                    less = sums[np.uint64(less_sums) + k]
                    sums[np.uint64(less_sums + room) + k] = sums[np.uint64(node_sums) + k] - less
            for side in range(2):
                first, past, child = (start, middle, inside) if side == 0 else (middle, end, outside)
                which = np.int64((side == 0) != inside_is_less)
                child_key = np.int64(0)
                if past - first > few:
                    child_key = best_of_sums(sums, (2 * level + 2 + which) * room, starts, full, keys, shift, child)
                elif past - first > 1:
                    child_key = best_of_few(row_keys, beyond_group, missing, packed, rows, first, past, shift, child)
                test_first, test_past = (test_start, test_middle) if side == 0 else (test_middle, test_end)
                at = 6 * waiting
                bounds[at], bounds[at + 1], bounds[at + 2], bounds[at + 3] = first, past, test_first, test_past
                bounds[at + 4], bounds[at + 5] = level + 1, which
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
    work = Work(
        np.empty(n, np.int64),
        np.empty(n, np.float32),
        np.empty(n_test, np.float32),
        np.arange(n).astype(np.uint32),
        np.arange(n_test).astype(np.uint32),
        np.empty(max(n, n_test) + 1, np.uint32),
        np.zeros((deepest + 1) * 2 * (lanes.keys.size + LANES), np.int64),
        np.empty(6 * (deepest + 2), np.int64),
        np.empty(deepest + 2, np.int64),
        np.empty(deepest + 2, np.int64),
    )
    # comparing m rows in pairs costs about m * m / 2 ns a group of eight lanes, sums over positions about 1/2 ns each
    few = np.int64(math.sqrt(bin_starts[-1] / max(1, lanes.beyond_group)))
    for e in range(rates.size):
        exact[e] = boost_large(lanes, work, y, rates[e], depths[e], sizes, few, out[e])
