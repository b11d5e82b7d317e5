"""The compiled inside of the engine that follows XGBoost operation by operation, for a table of any size.

XGBoost's "hist" tree method builds a histogram per node (the smaller child's from its rows, the larger child's as
parent minus sibling), scans it forward and, where the node has missing values, backward, and rounds gains and leaf
values to float32. Here the same operations are done in the same order, so that the result is the same to the last bit
even where float64 sums depend on their order. `__init__.py` holds what callers use and says when this path is taken.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from foretell.engine.bins import MISSING

# XGBoost's kRtEps: a split has to lower the loss by more than this
MIN_LOSS_CHANGE = np.float32(1e-6)


@njit(nogil=True, cache=True, error_model="numpy")
def score(g, h):  # type: ignore[no-untyped-def]
    """G² / (H + lambda), lambda = 1: XGBoost rounds the square to float32 before it divides."""
    return np.float32(np.float32(g * g) / np.float32(h + 1.0))


@njit(nogil=True, cache=True, error_model="numpy")
def leaf_value(g, h, rate):  # type: ignore[no-untyped-def]
    """-G / (H + lambda), rounded to float32, times the learning rate."""
    return np.float32(np.float32(-g / (h + 1.0)) * rate)


@njit(nogil=True, cache=True, error_model="numpy")
def start_value(y):  # type: ignore[no-untyped-def]
    """The ensemble's first prediction: the float32 mean, each target divided before it is added, as XGBoost does."""
    mean = 0.0
    for i in range(y.size):
        mean += np.float64(y[i]) / y.size
    return np.float32(mean)


@njit(nogil=True, cache=True, error_model="numpy")
def best_split(hist, bin_starts, g_node, h_node, node_score):  # type: ignore[no-untyped-def]
    """Best split of a node: (loss change, column or -1, bin, missing goes left, G left, H left, G right, H right).

    A row goes left if its bin is at most `bin`. Only a strictly larger loss change replaces the best so far.
    """
    best = np.float32(0)
    best_column, best_bin, best_missing_left = -1, 0, False
    best_gl, best_hl, best_gr, best_hr = 0.0, 0.0, 0.0, 0.0
    for c in range(bin_starts.size - 1):
        first, end = bin_starts[c], bin_starts[c + 1]
        gl, hl = 0.0, 0.0
        for b in range(first, end):
            gl += hist[b, 0]
            hl += hist[b, 1]
            hr = h_node - hl
            if hl >= 1.0 and hr >= 1.0:
                gr = g_node - gl
                change = np.float32(np.float32(score(gl, hl) + score(gr, hr)) - node_score)
                if change > best and not np.isinf(change):
                    best, best_column, best_bin, best_missing_left = change, c, b - first, False
                    best_gl, best_hl, best_gr, best_hr = gl, hl, gr, hr
        if gl == g_node and hl == h_node:
            continue
        gr, hr = 0.0, 0.0
        for b in range(end - 1, first - 1, -1):
            gr += hist[b, 0]
            hr += hist[b, 1]
            hl = h_node - hr
            if hr >= 1.0 and hl >= 1.0:
                gl = g_node - gr
                change = np.float32(np.float32(score(gl, hl) + score(gr, hr)) - node_score)
                if change > best and not np.isinf(change):
                    best, best_column, best_bin, best_missing_left = change, c, b - first - 1, True
                    best_gl, best_hl, best_gr, best_hr = gl, hl, gr, hr
    return best, best_column, best_bin, best_missing_left, best_gl, best_hl, best_gr, best_hr


@njit(nogil=True, cache=True, error_model="numpy")
def add_rows(hist, bin_starts, bins, gradients, rows, start, end):  # type: ignore[no-untyped-def]
    """Write the histogram (sum of gradients, number of rows) of rows[start:end] into `hist` [bins, 2]."""
    hist[:, :] = 0.0
    for i in range(start, end):
        row = rows[i]
        g = np.float64(gradients[row])
        for c in range(bin_starts.size - 1):
            b = bins[row, c]
            if b >= 0:
                hist[bin_starts[c] + b, 0] += g
                hist[bin_starts[c] + b, 1] += 1.0


@njit(nogil=True, cache=True, error_model="numpy")
def divide(rows, spare, bins, start, end, column, last_left_bin, missing_left):  # type: ignore[no-untyped-def]
    """Stable partition of rows[start:end]; returns where the right part starts."""
    left, kept = start, 0
    for i in range(start, end):
        row = rows[i]
        b = bins[row, column]
        goes_left = missing_left if b == MISSING else b <= last_left_bin
        if goes_left:
            rows[left] = row
            left += 1
        else:
            spare[kept] = row
            kept += 1
    for i in range(kept):
        rows[left + i] = spare[i]
    return left


@njit(nogil=True, cache=True, error_model="numpy")
def boost(train_bins, test_bins, bin_starts, y, rates, depths, sizes, out):  # type: ignore[no-untyped-def]
    """Grow one ensemble per (rates[k], depths[k]); write test predictions after each of `sizes` trees (ascending).

    `y` float32 [n_train]; `out` float32 [len(rates), len(sizes), n_test].
    """
    n, n_test = train_bins.shape[0], test_bins.shape[0]
    n_columns, n_bins = bin_starts.size - 1, bin_starts[-1]
    base = start_value(y)
    dense = True
    for i in range(n):
        for c in range(n_columns):
            dense = dense and train_bins[i, c] != MISSING
    deepest = 0
    for e in range(depths.size):
        deepest = max(deepest, depths[e])
    width = min(2**deepest, max(n, 1)) + 1
    hists = np.empty((2, width, n_bins, 2))
    # per level and node: rows [start, end), test rows [start, end), G, H, score
    bounds = np.empty((2, width, 4), np.int64)
    sums = np.empty((2, width, 2))
    scores = np.empty((2, width), np.float32)
    gradients = np.empty(n, np.float32)
    predicted, predicted_test = np.empty(n, np.float32), np.empty(n_test, np.float32)
    rows, test_rows = np.empty(n, np.int64), np.empty(n_test, np.int64)
    spare = np.empty(max(n, n_test), np.int64)

    for e in range(rates.size):
        rate, depth = rates[e], depths[e]
        predicted[:] = base
        predicted_test[:] = base
        size_at = 0
        for tree in range(sizes[-1]):
            for i in range(n):
                gradients[i] = np.float32(predicted[i] - y[i])
                rows[i] = i
            for i in range(n_test):
                test_rows[i] = i
            here = 0
            add_rows(hists[0, 0], bin_starts, train_bins, gradients, rows, 0, n)
            g_root = 0.0
            if dense:
                for b in range(bin_starts[1]):
                    g_root += hists[0, 0, b, 0]
            else:
                for i in range(n):
                    g_root += np.float64(gradients[i])
            bounds[0, 0, 0], bounds[0, 0, 1], bounds[0, 0, 2], bounds[0, 0, 3] = 0, n, 0, n_test
            sums[0, 0, 0], sums[0, 0, 1] = g_root, np.float64(n)
            scores[0, 0] = score(g_root, np.float64(n))
            n_nodes = 1
            for level in range(depth + 1):
                there = 1 - here
                n_next = 0
                for k in range(n_nodes):
                    start, end = bounds[here, k, 0], bounds[here, k, 1]
                    test_start, test_end = bounds[here, k, 2], bounds[here, k, 3]
                    g, h = sums[here, k, 0], sums[here, k, 1]
                    change, column, last_left, missing_left = np.float32(0), -1, 0, False
                    gl, hl, gr, hr = 0.0, 0.0, 0.0, 0.0
                    if level < depth and end - start > 1:
                        change, column, last_left, missing_left, gl, hl, gr, hr = best_split(
                            hists[here, k], bin_starts, g, h, scores[here, k]
                        )
                    if not change > MIN_LOSS_CHANGE:
                        leaf = np.float32(np.float32(-g / (h + 1.0)) * rate)
                        for i in range(start, end):
                            predicted[rows[i]] = np.float32(predicted[rows[i]] + leaf)
                        for i in range(test_start, test_end):
                            predicted_test[test_rows[i]] = np.float32(predicted_test[test_rows[i]] + leaf)
                        continue
                    middle = divide(rows, spare, train_bins, start, end, column, last_left, missing_left)
                    test_middle = divide(
                        test_rows, spare, test_bins, test_start, test_end, column, last_left, missing_left
                    )
                    left, right = n_next, n_next + 1
                    n_next += 2
                    bounds[there, left, 0], bounds[there, left, 1] = start, middle
                    bounds[there, left, 2], bounds[there, left, 3] = test_start, test_middle
                    bounds[there, right, 0], bounds[there, right, 1] = middle, end
                    bounds[there, right, 2], bounds[there, right, 3] = test_middle, test_end
                    sums[there, left, 0], sums[there, left, 1] = gl, hl
                    sums[there, right, 0], sums[there, right, 1] = gr, hr
                    scores[there, left], scores[there, right] = score(gl, hl), score(gr, hr)
                    if level + 1 < depth:
                        built, taken = left, right
                        if hr < hl:
                            built, taken = right, left
                        add_rows(
                            hists[there, built],
                            bin_starts,
                            train_bins,
                            gradients,
                            rows,
                            bounds[there, built, 0],
                            bounds[there, built, 1],
                        )
                        for b in range(n_bins):
                            hists[there, taken, b, 0] = hists[here, k, b, 0] - hists[there, built, b, 0]
                            hists[there, taken, b, 1] = hists[here, k, b, 1] - hists[there, built, b, 1]
                here, n_nodes = there, n_next
                if n_nodes == 0:
                    break
            while size_at < sizes.size and sizes[size_at] == tree + 1:
                out[e, size_at, :] = predicted_test
                size_at += 1
