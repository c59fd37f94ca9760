"""Features on a prefix of the bars are those on the whole, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

from cappuccino_assets.errors import HistoryTooShortError
from cappuccino_assets.features.arrays import build_feature_arrays
from cappuccino_assets.features.contract import Layout, market_contract
from cappuccino_assets.features.matrix import feature_matrix
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Interval

LAYOUTS = [(layout, enhanced) for layout in Layout for enhanced in (False, True)]
# Around the warm-up and every kind of gap; the gap of rows 350 to 353 splits the segments.
CUTS = [
    *(255, 262, 263, 264, 300, 301, 302, 303, 340, 349, 350, 351, 352, 353, 354, 355, 420, 421),
    *(606, 607, 650, 700, 701, 702, 710, 711, 712, 777, 850, 894, 895, 896, 897, 899),
]


def leaks(build, bars, cut_bars, cuts):
    """Columns whose values on some prefix are not those on the whole."""
    whole = build(grid_from_bars(bars))
    leaking = set()
    for cut in cuts:
        try:
            prefix = build(grid_from_bars(cut_bars(bars, cut)))
        except HistoryTooShortError:
            continue
        rows = np.searchsorted(whole.open_time, prefix.open_time)
        both = (prefix.segment >= 0) & (whole.segment[rows] >= 0)
        differs = prefix.features[both] != whole.features[rows[both]]
        leaking |= set(np.array(whole.contract.columns)[differs.any(axis=0)])
    return leaking


def builder(layout, enhanced):
    return lambda grid: build_feature_arrays(grid, layout=layout, enhanced=enhanced)


@pytest.mark.parametrize(("layout", "enhanced"), LAYOUTS)
def test_incident_45_a_prefix_gives_the_same_rows(gappy_bars, cut_bars, layout, enhanced):
    assert not leaks(builder(layout, enhanced), gappy_bars, cut_bars, CUTS)


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "enhanced"), LAYOUTS)
def test_incident_45_every_prefix_gives_the_same_rows(gappy_bars, cut_bars, layout, enhanced):
    assert not leaks(builder(layout, enhanced), gappy_bars, cut_bars, range(255, 900))


@pytest.mark.parametrize("layout", Layout)
def test_incident_45_a_leak_of_one_bar_is_caught_in_every_column(gappy_bars, cut_bars, layout):
    def leaky(grid):
        arrays = build_feature_arrays(grid, layout=layout, enhanced=True)
        features = arrays.features.copy()
        features[:-1] = arrays.features[1:]
        return replace(arrays, features=features)

    columns = market_contract(
        symbols=gappy_bars.symbols, interval=Interval.H4, layout=layout, enhanced=True
    ).columns
    assert leaks(leaky, gappy_bars, cut_bars, CUTS) == set(columns)


def test_incident_45_a_prefix_of_real_five_minutes_gives_the_same_rows(real_bars):
    bars = real_bars("coinbase_usd_5m_2023-11_2024-01.parquet", Interval.M5)
    grid = grid_from_bars(bars)
    contract = market_contract(
        symbols=grid.symbols, interval=grid.interval, layout=Layout.PER_COIN, enhanced=True
    )
    names = (
        "open_time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "present",
        "observed",
        "segment",
    )
    whole, _ = feature_matrix(grid, contract)
    for cut in (8_950, 9_371, 10_000):
        part = replace(grid, **{name: getattr(grid, name)[:cut] for name in names})
        prefix, segment = feature_matrix(part, contract)
        assert (segment >= 0).sum() > 50
        np.testing.assert_array_equal(prefix, whole[:cut])


def test_a_segment_knows_nothing_of_the_one_before(gappy_bars, make_bars):
    arrays = build_feature_arrays(grid_from_bars(gappy_bars), layout=Layout.PER_COIN)
    assert set(arrays.segment) == {-1, 0, 1}
    first = np.flatnonzero(arrays.segment == 1)[0]
    # The gap ends at row 354, and the missing bar of AAVE at 420 counts for nothing.
    assert arrays.open_time[first] == gappy_bars.start.timestamp() + (354 + 251) * 4 * 3600
    assert (arrays.features[arrays.segment == -1] == 0).all()


def test_filled_bars_repeat_the_last_indicators(gappy_bars):
    grid = grid_from_bars(gappy_bars)
    contract = market_contract(
        symbols=grid.symbols, interval=grid.interval, layout=Layout.PER_COIN, enhanced=False
    )
    features, _ = feature_matrix(grid, contract)
    assert not grid.observed[300, 0]
    np.testing.assert_array_equal(features[300, :11], features[299, :11])
    assert (features[300, 11:] != features[299, 11:]).any()
