"""Scales and what is written beside them."""

from datetime import UTC, datetime

import numpy as np
import pytest

from cappuccino_assets.reports.axes import Axis, equity_axis, padded_axis, round_step, time_ticks


def seconds(*day: int) -> float:
    return datetime(*day, tzinfo=UTC).timestamp()


def test_equal_differences_or_equal_ratios_are_equally_far_apart() -> None:
    straight = Axis(low=0.0, high=10.0, begins=100.0, ends=0.0)
    np.testing.assert_allclose(straight.at([0.0, 5.0, 10.0]), [100.0, 50.0, 0.0])
    ratios = Axis(low=1.0, high=100.0, begins=0.0, ends=10.0, is_log=True)
    np.testing.assert_allclose(ratios.at([1.0, 10.0, 100.0]), [0.0, 5.0, 10.0])


def test_what_lies_beyond_is_put_at_the_edge() -> None:
    axis = Axis(low=0.0, high=1.0, begins=0.0, ends=10.0)
    np.testing.assert_allclose(axis.at([-7.0, 9.0]), [0.0, 10.0])


def test_ticks_are_round_and_on_the_axis() -> None:
    assert Axis(low=-0.13, high=1.04, begins=0, ends=1).ticks() == [0.0, 0.5, 1.0]
    assert Axis(low=0.0, high=1.0, begins=0, ends=1).ticks() == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    log = Axis(low=0.4, high=12.0, begins=0, ends=1, is_log=True)
    assert log.ticks() == [0.5, 1.0, 2.0, 5.0, 10.0]
    assert Axis(low=0.9, high=3.3, begins=0, ends=1, is_log=True).ticks() == [1.0, 1.5, 2.0, 3.0]


def test_steps_are_1_2_or_5() -> None:
    assert [round_step(width) for width in (0.1, 0.11, 0.3, 0.7, 3.0)] == pytest.approx(
        [0.1, 0.2, 0.5, 1.0, 5.0]
    )


def test_multiples_of_capital_are_drawn_by_ratio_only_where_they_differ_much() -> None:
    assert not equity_axis(0.8, 1.2, begins=0, ends=1).is_log
    wide = equity_axis(0.2, 3.0, begins=0, ends=1)
    assert wide.is_log
    assert wide.low < 0.2 < 3.0 < wide.high


def test_a_single_number_has_room_around_it() -> None:
    axis = padded_axis(2.0, 2.0, begins=0, ends=1)
    assert (axis.low, axis.high) == (1.5, 2.5)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (0.0, float("nan")), (0.0, float("inf"))])
def test_an_axis_without_extent_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="from a number to a higher one"):
        Axis(low=low, high=high, begins=0, ends=1)
    with pytest.raises(ValueError, match="begins above 0"):
        Axis(low=0.0, high=1.0, begins=0, ends=1, is_log=True)


def test_times_are_beginnings_of_days_or_months_however_long_the_history() -> None:
    week = time_ticks(seconds(2024, 3, 1, 12), seconds(2024, 3, 6))
    assert week[0] == (seconds(2024, 3, 2), "02 Mar")
    assert [text for _, text in week] == ["02 Mar", "03 Mar", "04 Mar", "05 Mar", "06 Mar"]
    half = time_ticks(seconds(2023, 10, 17), seconds(2024, 4, 28))
    assert [text for _, text in half][:3] == ["Nov 2023", "Dec 2023", "Jan 2024"]
    years = time_ticks(seconds(2020, 10, 15), seconds(2023, 10, 17))
    assert years[0] == (seconds(2021, 1, 1), "Jan 2021")
    decades = time_ticks(seconds(1990, 1, 1), seconds(2024, 1, 1))
    assert 2 <= len(decades) <= 8
    assert all(text.isdecimal() for _, text in decades)
