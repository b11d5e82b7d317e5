"""The fast path of the engine: training and test sets of at most 64 rows, a set of rows being one 64-bit word.

Every split a column offers is a set of training rows, so a training set has a short list of candidate splits in the
order in which XGBoost would try them; two candidates that part the rows alike are one, because the later could never
win. A node's sums are then masked sums over that list, eight candidates a vector, and a child's rows and test rows come
out of an `and`. This adds numbers in another order than XGBoost does, which is allowed only while float64 sums are
exact: `boost_small` checks that all gradients are multiples of one power of two and small enough for any sum of them to
fit 53 bits, and otherwise returns False, upon which `kernels.boost` grows the ensemble.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from foretell.engine.bins import MISSING
from foretell.engine.kernels import leaf_value, score, start_value
from foretell.engine.simd import count_bits, float_bits, lowest_bit, masked_sum_16, masked_sum_32, masked_sum_64

# numba renews its cached machine code when this file changes, not when those it calls do: a test keeps this digest of
# bins.py, kernels.py and simd.py up to date, so that a change there is a change here
CALLED_SOURCES = "9f67938269dab176"
MAX_ROWS = 64
_NONE, _ONE, _ALL = np.uint64(0), np.uint64(1), ~np.uint64(0)
_LOW_HALF = np.int64(0xFFFFFFFF)
# the bits of XGBoost's kRtEps, 1e-6 in float32
_MIN_CHANGE_BITS = np.int64(np.float32(1e-6).view(np.int32))
# squares of sums stay far inside float32's range below this
_LARGEST_GRADIENT = 1e15


@njit(nogil=True, cache=True, error_model="numpy")
def first_rows(n):  # type: ignore[no-untyped-def]
    """The set of rows 0 to n - 1."""
    return _ALL >> np.uint64(64 - n) if n > 0 else _NONE


@njit(nogil=True, cache=True, error_model="numpy")
def unseen(seen, split, everything):  # type: ignore[no-untyped-def]
    """Note a partition of the rows (a set or its complement) in the hash table `seen`; False where it was there."""
    key = min(split, everything & ~split)
    at = np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & (seen.size - 1)
    while seen[at] != _NONE:
        if seen[at] == key:
            return False
        at = (at + 1) & (seen.size - 1)
    seen[at] = key
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def list_candidates(train_bins, test_bins, bin_starts, splits, test_splits):  # type: ignore[no-untyped-def]
    """Distinct splits in XGBoost's order: per column ascending bins, missing on the other side; then, where values are
    missing, descending bins, missing on the other side.

    Fills `splits` (one side's training rows) and `test_splits` (its test rows); returns how many there are.
    """
    n, n_test = train_bins.shape[0], test_bins.shape[0]
    everything = first_rows(n)
    found = 0
    size = 64
    while size < 4 * bin_starts[-1]:
        size *= 2
    seen = np.zeros(size, np.uint64)
    widest = 0
    for c in range(bin_starts.size - 1):
        widest = max(widest, bin_starts[c + 1] - bin_starts[c])
    in_bin = np.empty(widest, np.uint64)
    # one more at each end: test values below and beyond the training bins
    test_in_bin = np.empty(widest + 2, np.uint64)
    for c in range(bin_starts.size - 1):
        n_bins = bin_starts[c + 1] - bin_starts[c]
        in_bin[:n_bins] = _NONE
        test_in_bin[: n_bins + 2] = _NONE
        known = _NONE
        for i in range(n):
            b = train_bins[i, c]
            if b != MISSING:
                in_bin[b] |= _ONE << np.uint64(i)
                known |= _ONE << np.uint64(i)
        for i in range(n_test):
            b = test_bins[i, c]
            if b != MISSING:
                test_in_bin[b + 1] |= _ONE << np.uint64(i)
        side, test_side = _NONE, test_in_bin[0]
        for b in range(n_bins):
            side |= in_bin[b]
            test_side |= test_in_bin[b + 1]
            if side == everything:
                break
            if unseen(seen, side, everything):
                splits[found], test_splits[found] = side, test_side
                found += 1
        if known == everything:
            continue
        side, test_side = _NONE, test_in_bin[n_bins + 1]
        for b in range(n_bins - 1, 0, -1):
            side |= in_bin[b]
            test_side |= test_in_bin[b + 1]
            if unseen(seen, side, everything):
                splits[found], test_splits[found] = side, test_side
                found += 1
    return found


@njit(nogil=True, cache=True, error_model="numpy")
def sum_gradients(sums, membership, gradients, rows):  # type: ignore[no-untyped-def]
    """sums[k] = gradients added over those of `rows` (not empty) that lie in candidate k; a multiple of 16 of them."""
    stride = sums.size >> 3
    k = 0
    while k + 64 <= sums.size:
        masked_sum_64(sums, k, membership, stride, gradients, rows)
        k += 64
    if k + 32 <= sums.size:
        masked_sum_32(sums, k, membership, stride, gradients, rows)
        k += 32
    if k + 16 <= sums.size:
        masked_sum_16(sums, k, membership, stride, gradients, rows)


@njit(nogil=True, cache=True, error_model="numpy")
def best_candidate(sums, splits, rows, g_node, n_node, node_score):  # type: ignore[no-untyped-def]
    """The node's best split as one integer: bits of its loss change above, candidate (counted down) below.

    The largest such integer is the largest change and, of equal changes, the earliest candidate; a negative change is
    a negative integer and never beats the 0 that means no split.
    """
    best = np.int64(0)
    both = np.float32(n_node + 2)
    for k in range(sums.size):
        g = sums[k]
        other = g_node - g
        h = np.float32(count_bits(splits[k] & rows)) + np.float32(1)
        gain = np.float32(np.float32(g * g) / h)
        gain = np.float32(gain + np.float32(np.float32(other * other) / np.float32(both - h)))
        change = np.float32(gain - node_score)
        best = max(best, (np.int64(float_bits(change)) << 32) | (_LOW_HALF - k))
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def add_to(predicted, rows, value):  # type: ignore[no-untyped-def]
    """Add a leaf's value to the predictions of a set of rows."""
    while rows != _NONE:
        row = lowest_bit(rows)
        predicted[row] = np.float32(predicted[row] + value)
        rows &= rows - _ONE


@njit(nogil=True, cache=True, error_model="numpy")
def exact_scale(y, base):  # type: ignore[no-untyped-def]
    """A power of two that makes gradients integers whose sums fit 53 bits, if they stay within 4 times the largest of
    the first tree; 0 where targets are too large for float32 squares."""
    largest = 0.0
    for i in range(y.size):
        largest = max(largest, abs(np.float64(np.float32(base - y[i]))))
    if largest == 0.0:
        return 1.0
    if not 4.0 * largest * y.size < _LARGEST_GRADIENT:
        return 0.0
    return math.ldexp(1.0, 52 - math.frexp(4.0 * largest * y.size)[1])


@njit(nogil=True, cache=True, error_model="numpy")
def boost_small(splits, test_splits, membership, y, n_test, rate, depth, sizes, sums, out):  # type: ignore[no-untyped-def]
    """Grow one ensemble; write test predictions after each of `sizes` trees to `out` [sizes, n_test]. False: not exact.

    `splits`, `test_splits` [k], `membership` [64 * k / 8] hold the candidates padded with empty sets to k, a multiple
    of 16; `sums` [levels, 2, k] is working space.
    """
    n = y.size
    everything, all_test = first_rows(n), first_rows(n_test)
    base = start_value(y)
    scale = exact_scale(y, base)
    limit = math.ldexp(1.0, 52) / n
    predicted, predicted_test = np.full(MAX_ROWS, base, np.float32), np.full(MAX_ROWS, base, np.float32)
    gradients = np.zeros(MAX_ROWS)
    # nodes still to be finished: rows, test rows, sum of gradients, level, which of the level's two sums, best split
    rows_of, test_of = np.empty(2 * MAX_ROWS, np.uint64), np.empty(2 * MAX_ROWS, np.uint64)
    g_of, key_of = np.empty(2 * MAX_ROWS), np.empty(2 * MAX_ROWS, np.int64)
    level_of, which_of = np.empty(2 * MAX_ROWS, np.int64), np.empty(2 * MAX_ROWS, np.int64)
    size_at = 0
    for tree in range(sizes[-1]):
        exact = scale > 0.0
        g_root = 0.0
        for i in range(n):
            g = np.float64(np.float32(predicted[i] - y[i]))
            units = g * scale
            exact &= (np.rint(units) == units) & (abs(units) <= limit)
            gradients[i] = g
            g_root += g
        if not exact:
            return False
        sum_gradients(sums[0, 0], membership, gradients, everything)
        key_of[0] = best_candidate(sums[0, 0], splits, everything, g_root, n, score(g_root, np.float64(n)))
        rows_of[0], test_of[0], g_of[0], level_of[0], which_of[0] = everything, all_test, g_root, 0, 0
        waiting = 1
        while waiting > 0:
            waiting -= 1
            rows, test, g_node, key = rows_of[waiting], test_of[waiting], g_of[waiting], key_of[waiting]
            level, which = level_of[waiting], which_of[waiting]
            n_node = count_bits(rows)
            if (key >> 32) <= _MIN_CHANGE_BITS:
                leaf = leaf_value(g_node, np.float64(n_node), rate)
                add_to(predicted, rows, leaf)
                add_to(predicted_test, test, leaf)
                continue
            k = _LOW_HALF - (key & _LOW_HALF)
            # `few` is the side with fewer rows: its sums are added up, the other side's are the node's minus them
            few, many = rows & splits[k], rows & ~splits[k]
            test_few, test_many = test & test_splits[k], test & ~test_splits[k]
            g_few = sums[level, which, k]
            g_many = g_node - g_few
            n_few = count_bits(few)
            n_many = n_node - n_few
            if level + 1 == depth or n_node == 2:
                leaf = leaf_value(g_few, np.float64(n_few), rate)
                add_to(predicted, few, leaf)
                add_to(predicted_test, test_few, leaf)
                leaf = leaf_value(g_many, np.float64(n_many), rate)
                add_to(predicted, many, leaf)
                add_to(predicted_test, test_many, leaf)
                continue
            if n_few > n_many:
                few, many, test_few, test_many = many, few, test_many, test_few
                g_few, g_many, n_few, n_many = g_many, g_few, n_many, n_few
            node_sums, few_sums, many_sums = sums[level, which], sums[level + 1, 0], sums[level + 1, 1]
            sum_gradients(few_sums, membership, gradients, few)
            for c in range(many_sums.size):
                many_sums[c] = node_sums[c] - few_sums[c]
            key_few = np.int64(0)
            if n_few > 1:
                key_few = best_candidate(few_sums, splits, few, g_few, n_few, score(g_few, np.float64(n_few)))
            key_many = best_candidate(many_sums, splits, many, g_many, n_many, score(g_many, np.float64(n_many)))
            rows_of[waiting], test_of[waiting], g_of[waiting], key_of[waiting] = few, test_few, g_few, key_few
            level_of[waiting], which_of[waiting] = level + 1, 0
            waiting += 1
            rows_of[waiting], test_of[waiting], g_of[waiting], key_of[waiting] = many, test_many, g_many, key_many
            level_of[waiting], which_of[waiting] = level + 1, 1
            waiting += 1
        while size_at < sizes.size and sizes[size_at] == tree + 1:
            for i in range(n_test):
                out[size_at, i] = predicted_test[i]
            size_at += 1
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def boost_all_small(train_bins, test_bins, bin_starts, y, rates, depths, sizes, out, exact):  # type: ignore[no-untyped-def]
    """Grow every ensemble (rates[e], depths[e]) into `out` [ensembles, sizes, n_test]; `exact[e]`: could it be."""
    n, n_test = train_bins.shape[0], test_bins.shape[0]
    found_splits = np.empty(2 * bin_starts[-1] + 1, np.uint64)
    found_test_splits = np.empty(2 * bin_starts[-1] + 1, np.uint64)
    n_found = list_candidates(train_bins, test_bins, bin_starts, found_splits, found_test_splits)
    padded = max(16, (n_found + 15) // 16 * 16)
    # candidates that fill the last vector take no row, change nothing and lose against "no split"
    splits, test_splits = np.zeros(padded, np.uint64), np.zeros(padded, np.uint64)
    splits[:n_found] = found_splits[:n_found]
    test_splits[:n_found] = found_test_splits[:n_found]
    stride = padded // 8
    membership = np.zeros(MAX_ROWS * stride, np.uint8)
    for k in range(n_found):
        bit = np.uint8(1 << (k & 7))
        rows = splits[k]
        while rows != _NONE:
            membership[lowest_bit(rows) * stride + (k >> 3)] |= bit
            rows &= rows - _ONE
    deepest = 1
    for e in range(depths.size):
        deepest = max(deepest, min(depths[e], n))
    sums = np.empty((deepest + 1, 2, padded))
    for e in range(rates.size):
        exact[e] = boost_small(splits, test_splits, membership, y, n_test, rates[e], depths[e], sizes, sums, out[e])
