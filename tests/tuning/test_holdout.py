from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cappuccino_assets.features.arrays import FeatureArrays, build_feature_arrays
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.resampling import resample
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.tuning.campaign import Campaign, new_campaign
from cappuccino_assets.tuning.holdout import EPOCH, bars_for_rows, holdout_start
from cappuccino_assets.tuning.phases import plan_phase1, plan_phase2

JANUARY = datetime(2023, 1, 1, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)
FOUR_HOURS = timedelta(hours=4)


@pytest.mark.parametrize(
    ("history_from", "history_to", "expected"),
    [
        # 100 days: 85 days on.
        (JANUARY, datetime(2023, 4, 11, tzinfo=UTC), datetime(2023, 3, 27, tzinfo=UTC)),
        # Ten whole stretches of 4h: 8.5, hence eight of them.
        (JANUARY, datetime(2023, 1, 2, 16, tzinfo=UTC), datetime(2023, 1, 2, 8, tzinfo=UTC)),
        # The same ten, with some minutes around them.
        (
            datetime(2022, 12, 31, 20, 5, tzinfo=UTC),
            datetime(2023, 1, 2, 19, 55, tzinfo=UTC),
            datetime(2023, 1, 2, 8, tzinfo=UTC),
        ),
    ],
)
def test_the_hold_out_begins_between_two_bars_of_every_interval(
    history_from: datetime, history_to: datetime, expected: datetime
) -> None:
    assert holdout_start(history_from, history_to, fraction=0.15) == expected


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_a_hold_out_is_a_part_of_the_history(fraction: float) -> None:
    with pytest.raises(ValueError, match=r"fraction in \(0, 1\)"):
        holdout_start(JANUARY, JANUARY + FOUR_HOURS, fraction=fraction)


@given(
    begins=st.integers(0, 10**6),
    n_bars=st.integers(1000, 10**6),
    fraction=st.sampled_from([0.1, 0.15, 0.2, 0.3]),
)
def test_the_held_out_share_is_at_least_what_was_asked_for(
    begins: int, n_bars: int, fraction: float
) -> None:
    first = JANUARY + begins * FIVE_MINUTES
    last = first + n_bars * FIVE_MINUTES

    cut = holdout_start(first, last, fraction=fraction)

    assert (cut - EPOCH) % FOUR_HOURS == timedelta(0)
    wanted = fraction * (last - first)
    assert wanted - FOUR_HOURS < last - cut < wanted + 3 * FOUR_HOURS


@given(
    begins=st.integers(0, 100),
    n_before=st.integers(0, 9000),
    n_rows=st.integers(1, 5000),
    interval=st.sampled_from(list(Interval)),
)
def test_the_shortest_history_leaves_enough_rows_and_one_bar_less_does_not(
    begins: int, n_before: int, n_rows: int, interval: Interval
) -> None:
    bar = timedelta(seconds=interval.seconds)
    first = JANUARY + begins * bar
    rows_from = first + n_before * bar

    n_bars = bars_for_rows(
        n_rows, history_from=first, rows_from=rows_from, interval=interval, fraction=0.15
    )

    enough, less = (
        (holdout_start(first, first + n * bar, fraction=0.15) - rows_from) // bar
        for n in (n_bars, n_bars - 1)
    )
    assert less < n_rows <= enough


def test_a_history_of_coarser_bars_is_counted_from_their_first_whole_one() -> None:
    whole, cut = (
        bars_for_rows(
            100,
            history_from=history_from,
            rows_from=JANUARY + 250 * FOUR_HOURS,
            interval=Interval.H4,
            fraction=0.15,
        )
        for history_from in (JANUARY, JANUARY - timedelta(hours=3))
    )
    assert whole == cut == 412  # 0.85 x 412 = 350.2


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Two months of two symbols that begin and end inside every longer bar."""
    source = SimulatedSource(
        seed=1, n_days=62, interval=Interval.M5, symbols=("BTC/USD", "ETH/USD")
    )
    fetched = source.fetch_bars()
    first, last = fetched.start + timedelta(hours=1, minutes=5), fetched.end - timedelta(minutes=25)
    inside = fetched.frame["timestamp"].is_between(first, last)
    return Bars(frame=fetched.frame.filter(inside), interval=Interval.M5, symbols=fetched.symbols)


@pytest.fixture(scope="module")
def campaign(bars: Bars) -> Campaign:
    return new_campaign(
        name="c",
        profile="full",
        seed=0,
        source="simulated",
        symbols=bars.symbols,
        dataset_digests={interval: "d" for interval in Interval},
        history=(bars.start.astimezone(UTC), (bars.end + FIVE_MINUTES).astimezone(UTC)),
        now=JANUARY,
    )


@pytest.mark.parametrize("interval", Interval)
def test_the_bars_of_every_interval_and_feature_set_end_at_one_time(
    bars: Bars, campaign: Campaign, interval: Interval
) -> None:
    grid = grid_from_bars(resample(bars, interval))
    nowhere = dict.fromkeys(Interval, Path("nowhere"))
    plain = [plan for plan in plan_phase1(campaign, nowhere) if plan.interval is interval]
    winner = {"timeframe": "3d", "interval": interval}
    enhanced = plan_phase2(campaign, winner, Path("nowhere"))

    def ends(arrays: FeatureArrays, plans: list) -> set[datetime]:
        searched = [plan.search_arrays(arrays) for plan in plans]
        return {
            EPOCH + timedelta(seconds=int(a.open_time[-1]) + interval.seconds) for a in searched
        }

    # 62 days less 1:05 and 0:25 hold 370 stretches of 4h; 314 of them from 4:00 on end here.
    expected = {JANUARY + timedelta(hours=4) + 314 * FOUR_HOURS}
    assert ends(build_feature_arrays(grid), plain) == expected
    assert ends(build_feature_arrays(grid, enhanced=True), enhanced) == expected
