"""Comparison of what was recomputed."""

import numpy as np
import pytest

from cappuccino_assets.proofs.records import NEVER, Record, compare, first_unclosed

HOUR = 3600


def record(values, *, times=(0, 1, 2, 3), settled=None, columns=("BTC/USD.rsi", "segment")):
    time = np.array(times, dtype=np.int64) * HOUR
    known_at = time + HOUR
    return Record(
        time=time,
        known_at=known_at,
        settled_at=known_at if settled is None else np.array(settled),
        columns=columns,
        values=np.array(values, dtype=np.float64),
    )


ROWS = [[1.0, 0.0], [2.0, 0.0], [np.nan, 1.0], [4.0, 1.0]]


def test_equal_rows_are_counted_up_to_the_cut():
    assert compare(record(ROWS), record(ROWS), cut=3 * HOUR) == (3, None)
    assert compare(record(ROWS), record(ROWS), cut=None) == (4, None)


def test_the_first_difference_is_named_with_everything():
    changed = [row.copy() for row in ROWS]
    changed[1][0] = np.nextafter(2.0, 3.0)
    changed[3] = [0.0, 0.0]
    n_rows, first = compare(record(ROWS), record(changed), cut=4 * HOUR)
    assert n_rows == 4
    assert (first.column, first.symbol, first.row) == ("rsi", "BTC/USD", 1)
    assert first.time.isoformat() == "1970-01-01T01:00:00+00:00"
    assert (first.expected, first.found) == (2.0, 2.0000000000000004)
    assert "BTC/USD rsi, row 1 (1970-01-01 01:00 UTC)" in str(first)


def test_what_is_not_known_yet_is_not_compared():
    changed = [*ROWS[:3], [0.0, 0.0]]
    assert compare(record(ROWS), record(changed), cut=4 * HOUR - 1) == (3, None)


def test_the_sign_of_zero_is_a_difference():
    assert compare(record([[0.0, 0.0]], times=[0]), record([[-0.0, 0.0]], times=[0]), cut=None)[1]


@pytest.mark.parametrize("lacks", ["whole", "other"])
def test_a_missing_row_is_a_difference(lacks):
    whole, part = record(ROWS), record(ROWS[:2], times=[0, 1])
    pair = (part, whole) if lacks == "whole" else (whole, part)
    _, first = compare(*pair, cut=4 * HOUR)
    words = ("absent", "present") if lacks == "whole" else ("present", "absent")
    assert (first.column, first.expected, first.found) == ("(row)", *words)


def test_a_row_of_an_open_gap_may_turn_out_not_to_count():
    in_gap = record(ROWS, settled=[HOUR, 2 * HOUR, NEVER, NEVER])
    assert compare(record(ROWS[:2], times=[0, 1]), in_gap, cut=4 * HOUR) == (2, None)


def test_a_bar_in_progress_is_found():
    assert first_unclosed(record(ROWS), cut=4 * HOUR) is None
    assert first_unclosed(record(ROWS), cut=4 * HOUR - 1).row == 3


def test_records_with_other_columns_are_not_compared():
    with pytest.raises(ValueError, match="Columns differ"):
        compare(record(ROWS), record(ROWS, columns=("a", "b")), cut=None)
