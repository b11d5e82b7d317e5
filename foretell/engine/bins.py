"""Bins of a training set's columns, as XGBoost's "hist" tree method makes them (max_bin 256, rows not weighted).

Up to 256 distinct values each is a bin of its own. Beyond, XGBoost thins the sorted values out to 257 that are evenly
spaced in rank and starts a bin at each but the last, which ends the last bin. It does so in up to three steps (to 2,049
values while it reads them, to 2,048, to 257), each in float32 and each reading the ranks that the step before kept.
From more than 4,098 known values on it also merges summaries of parts of a column, which is not done here.
"""

from __future__ import annotations

import numpy as np
from numba import njit

MAX_BINS = 256
# so many known values of a column XGBoost sorts in one go: twice the 2,049 that it keeps
MAX_SORTED = 4098
# added beyond a column's values, to make bounds for the first and the last bin
MARGIN = np.float32(1e-5)
# bin of a missing value, below every bin a present value can have (-1: under the column's lowest bound)
MISSING = -2
_KEPT_WHILE_READING, _KEPT_BEFORE_CUTS = 2049, 2048


@njit(nogil=True, cache=True, error_model="numpy")
def thin_out(places, before, upto, size, limit):  # type: ignore[no-untyped-def]
    """Keep about `limit` of the first `size` entries, evenly spaced in rank, the first and the last among them.

    Per entry: `places`, the position of its value; `before` and `upto` (float32), the number of rows with smaller
    values, and with values up to it. All three are written in place; returns how many entries are kept.
    """
    if size <= limit:
        return size
    first = upto[0]
    spread = np.float32(before[size - 1] - first)
    last, i = size - 1, 1
    keep = np.empty(limit + 1, np.int64)
    keep[0] = 0
    kept = 1
    for k in range(1, limit - 1):
        wanted = np.float32(np.float32(np.float32(k) * spread) / np.float32(limit - 1))
        twice = np.float32(np.float32(2) * np.float32(wanted + first))
        while i < last and twice >= np.float32(upto[i + 1] + before[i + 1]):
            i += 1
        if i == last:
            break
        chosen = i if twice < np.float32(upto[i] + before[i + 1]) else i + 1
        if chosen != keep[kept - 1]:
            keep[kept] = chosen
            kept += 1
    if keep[kept - 1] != last:
        keep[kept] = last
        kept += 1
    for k in range(kept):
        places[k], before[k], upto[k] = places[keep[k]], before[keep[k]], upto[keep[k]]
    return kept


@njit(nogil=True, cache=True, error_model="numpy")
def mark_cuts(rows_with, is_cut):  # type: ignore[no-untyped-def]
    """Mark the distinct values of a column at which a bin starts; `rows_with` [values]: training rows with each value.

    Returns the number of bins; -1 where XGBoost would merge summaries.
    """
    known, size = 0, 0
    for k in range(rows_with.size):
        known += rows_with[k]
        size += rows_with[k] > 0
        is_cut[k] = rows_with[k] > 0
    if size <= MAX_BINS:
        return size
    if known > MAX_SORTED:
        return -1
    places, before, upto = np.empty(size, np.int64), np.empty(size, np.float32), np.empty(size, np.float32)
    at, total = 0, 0
    for k in range(rows_with.size):
        if rows_with[k] > 0:
            places[at], before[at] = k, np.float32(total)
            total += rows_with[k]
            upto[at] = np.float32(total)
            at += 1
    size = thin_out(places, before, upto, size, _KEPT_WHILE_READING)
    size = thin_out(places, before, upto, size, _KEPT_BEFORE_CUTS)
    size = thin_out(places, before, upto, size, MAX_BINS + 1)
    is_cut[:] = False
    n_bins = min(size, MAX_BINS)
    for k in range(n_bins):
        is_cut[places[k]] = True
    return n_bins


@njit(nogil=True, cache=True, error_model="numpy")
def bin_columns(codes, values, offsets, columns, train, test, train_bins, test_bins, bin_starts):  # type: ignore[no-untyped-def]
    """Bins of the chosen columns; a bin's upper bound is the next one's first value.

    Fills `train_bins` [n_train, c], `test_bins` [n_test, c] (the bin whose range holds the value; one past the last
    for a value beyond the last bound) and `bin_starts` [c + 1]. Returns the position of the first column whose bins are
    not known (more than 256 distinct and more than 4,098 known values), or -1.
    """
    bin_starts[0] = 0
    for c in range(columns.size):
        column = columns[c]
        start = offsets[column]
        n_values = offsets[column + 1] - start
        rows_with, is_cut = np.zeros(n_values, np.int64), np.empty(n_values, np.bool_)
        for i in range(train.size):
            code = codes[train[i], column]
            if code >= 0:
                rows_with[code] += 1
        n_bins = mark_cuts(rows_with, is_cut)
        if n_bins < 0:
            return c
        low, high = np.float32(0), np.float32(0)
        seen_any = False
        for k in range(n_values):
            if rows_with[k] > 0:
                high = values[start + k]
                if not seen_any:
                    low, seen_any = high, True
        last_cut = np.float32(np.float32(high + np.abs(high)) + MARGIN)
        under = np.float32(np.float32(low - np.abs(low)) - MARGIN)
        bin_of = np.empty(n_values, np.int32)
        seen = 0
        for k in range(n_values):
            seen += is_cut[k]
            v = values[start + k]
            b = max(seen - 1, 0)
            if v >= last_cut:
                b = n_bins
            if v < under:
                b = -1
            bin_of[k] = b
        for i in range(train.size):
            code = codes[train[i], column]
            train_bins[i, c] = bin_of[code] if code >= 0 else MISSING
        for i in range(test.size):
            code = codes[test[i], column]
            test_bins[i, c] = bin_of[code] if code >= 0 else MISSING
        bin_starts[c + 1] = bin_starts[c] + n_bins
    return -1
