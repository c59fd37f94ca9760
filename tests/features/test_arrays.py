import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from cappuccino_assets.errors import (
    ConstantColumnError,
    ContractMismatchError,
    HistoryTooShortError,
    IntegrityError,
)
from cappuccino_assets.features.arrays import (
    ARRAY_NAMES,
    FeatureArrays,
    build_feature_arrays,
    load_arrays,
    save_arrays,
)
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.features.contract import Layout, market_contract
from cappuccino_assets.features.scaling import fit_scaler
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval
from cappuccino_assets.market.resampling import resample


def small(**changes):
    """Six rows of two coins by hand."""
    contract = market_contract(
        symbols=("BTC/USD", "ETH/USD"),
        interval=Interval.H1,
        layout=Layout.COMPACT,
        enhanced=False,
    )
    values = {
        "contract": contract,
        "dataset_digest": "d" * 64,
        "open_time": np.arange(6) * 3600,
        "open": np.full((6, 2), 1.0),
        "close": np.full((6, 2), 2.0),
        "observed": np.ones((6, 2), dtype=bool),
        "segment": np.zeros(6, dtype=np.int64),
        "features": np.zeros((6, 11), dtype=np.float32),
    }
    return FeatureArrays(**(values | changes))


@pytest.fixture(scope="module")
def arrays(plain_grid):
    return build_feature_arrays(plain_grid, enhanced=True)


@pytest.mark.parametrize(
    ("layout", "enhanced", "n_columns"),
    [
        (Layout.COMPACT, False, 11),
        (Layout.COMPACT, True, 23),
        (Layout.PER_COIN, False, 33),
        (Layout.PER_COIN, True, 45),
    ],
)
def test_rows_begin_after_the_warm_up(plain_grid, layout, enhanced, n_columns):
    arrays = build_feature_arrays(plain_grid, layout=layout, enhanced=enhanced)
    assert arrays.features.shape == (600 - 250, n_columns)
    assert arrays.features.dtype == np.float32
    assert arrays.dataset_digest == plain_grid.dataset_digest
    assert (arrays.segment == 0).all()
    np.testing.assert_array_equal(arrays.open_time, plain_grid.open_time[250:])
    np.testing.assert_array_equal(arrays.open, plain_grid.open[250:])
    np.testing.assert_array_equal(arrays.close, plain_grid.close[250:])


def test_incident_02_columns_follow_their_symbol_in_any_order(make_bars):
    symbols = ("AAVE/USD", "BTC/USD", "ETH/USD")
    tables = []
    for order in (symbols, symbols[::-1]):
        grid = grid_from_bars(make_bars(400, symbols=order))
        arrays = build_feature_arrays(grid, layout=Layout.PER_COIN, enhanced=True)
        tables.append(dict(zip(arrays.contract.columns, arrays.features.T, strict=True)))
    assert tables[0].keys() == tables[1].keys()
    for column, values in tables[0].items():
        np.testing.assert_array_equal(values, tables[1][column], err_msg=column)


def test_the_basket_does_not_depend_on_the_order_of_the_coins(make_bars):
    symbols = ("AAVE/USD", "BTC/USD", "ETH/USD")
    one, other = (
        build_feature_arrays(grid_from_bars(make_bars(400, symbols=order))).features
        for order in (symbols, symbols[::-1])
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_incident_45_a_constant_column_is_refused_by_name(plain_grid):
    previous = np.concatenate((plain_grid.close[:1], plain_grid.close[:-1]))
    opens_at_the_last_close = replace(plain_grid, open=previous)
    with pytest.raises(ConstantColumnError, match=r"basket\.open"):
        build_feature_arrays(opens_at_the_last_close)


def test_incident_46_the_scaler_of_a_block_ignores_every_other_row(arrays):
    training = np.arange(arrays.n_bars) < 200
    scaler = fit_scaler(arrays.features, training, columns=arrays.contract.columns)
    features = arrays.features.copy()
    features[200:] *= -3
    assert fit_scaler(features, training) == scaler


def test_a_history_too_short_says_how_many_bars_it_needs(make_bars):
    with pytest.raises(HistoryTooShortError, match="251 bars, but at least 252") as caught:
        build_feature_arrays(grid_from_bars(make_bars(251)))
    assert (caught.value.n_bars, caught.value.n_required) == (251, 252)
    assert build_feature_arrays(grid_from_bars(make_bars(260))).n_bars == 10


def test_tradable_rows_have_every_symbol_now_and_at_the_next_bar_of_the_segment():
    observed = np.ones((6, 2), dtype=bool)
    observed[4, 1] = False
    arrays = small(observed=observed, segment=np.array([-1, 0, 0, 1, 1, 1]))
    assert arrays.tradable.tolist() == [False, True, False, False, False, False]
    assert small().tradable.tolist() == [True] * 5 + [False]


@pytest.mark.parametrize("minute", [0, 59])
def test_rows_are_parted_by_the_time_at_which_their_bar_closes(minute):
    earlier, later = small().split_at(datetime(1970, 1, 1, 4, minute, tzinfo=UTC))
    assert earlier.open_time.tolist() == [0, 3600, 7200, 10800]
    assert later.open_time.tolist() == [14400, 18000]
    assert later.features.shape == (2, 11)


def test_a_time_that_leaves_no_row_on_a_side_is_refused():
    with pytest.raises(HistoryTooShortError, match="closes before 1970-01-01 00:59 UTC: 0 bars"):
        small().split_at(datetime(1970, 1, 1, 0, 59, tzinfo=UTC))
    with pytest.raises(HistoryTooShortError, match="closes after 1970-01-01 06:00 UTC: 0 bars"):
        small().split_at(datetime(1970, 1, 1, 6, tzinfo=UTC))
    with pytest.raises(ValueError, match="with a zone"):
        small().split_at(datetime(1970, 1, 1, 4))  # noqa: DTZ001


def test_a_block_of_arrays_keeps_its_rows_together():
    part = small().block(Block(start=1, stop=3))
    assert part.open_time.tolist() == [3600, 7200]
    assert {len(getattr(part, name)) for name in ARRAY_NAMES} == {2}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"features": np.zeros((6, 22), dtype=np.float32)}, r"features must have shape \(6, 11\)"),
        ({"features": np.zeros((6, 11))}, "dtype float32"),
        ({"features": np.full((6, 11), np.nan, dtype=np.float32)}, "Features must be finite"),
        ({"open_time": np.arange(6) * 7200}, "advance by 3600 s"),
        ({"segment": np.full(6, -2)}, "numbered from 0"),
        ({"close": np.full((6, 2), np.nan)}, "close must be finite and positive"),
        ({"open": np.zeros((6, 2))}, "open must be finite and positive"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, rule):
    with pytest.raises(ValueError, match=rule):
        small(**changes)


def test_prices_may_be_unknown_where_no_segment_is():
    close = np.full((6, 2), 2.0)
    close[0] = np.nan
    assert small(close=close, segment=np.array([-1, 0, 0, 0, 0, 0])).n_bars == 6


def test_the_digest_depends_on_every_part(arrays):
    digests = {arrays.digest}
    for name in ARRAY_NAMES:
        changed = getattr(arrays, name).copy()
        changed[...] = changed ^ True if name == "observed" else changed + 1
        digests.add(replace(arrays, **{name: changed}).digest)
    digests.add(replace(arrays, dataset_digest="e" * 64).digest)
    assert len(digests) == len(ARRAY_NAMES) + 2


def test_stored_arrays_come_back_as_memory_maps(arrays, tmp_path):
    path = save_arrays(tmp_path / "1h", arrays)
    loaded = load_arrays(path)
    assert path.name == arrays.digest == loaded.digest
    assert loaded.contract == arrays.contract
    assert isinstance(loaded.features, np.memmap)
    for name in ARRAY_NAMES:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(arrays, name))


def test_storing_the_same_arrays_again_changes_nothing(arrays, tmp_path):
    path = save_arrays(tmp_path, arrays)
    before = {file.name: file.stat().st_mtime_ns for file in path.iterdir()}
    assert save_arrays(tmp_path, arrays) == path
    assert {file.name: file.stat().st_mtime_ns for file in path.iterdir()} == before
    assert [entry.name for entry in tmp_path.iterdir()] == [arrays.digest]


def test_a_changed_array_is_refused(arrays, tmp_path):
    path = save_arrays(tmp_path, arrays)
    features = arrays.features.copy()
    features[0, 0] += 1
    np.save(path / "features.npy", features)
    with pytest.raises(IntegrityError, match="is not what its digest"):
        load_arrays(path)


def test_incident_01_a_stored_contract_of_another_version_is_refused(arrays, tmp_path):
    path = save_arrays(tmp_path, arrays)
    value = arrays.contract.to_json()
    value["indicator_versions"][3] = "rsi_14/0"
    (path / "contract.json").write_text(json.dumps(value))
    with pytest.raises(ContractMismatchError, match="'indicator_versions'"):
        load_arrays(path)


@pytest.mark.parametrize("interval", Interval)
def test_real_bars_give_finite_features_that_vary(real_bars, interval):
    bars = resample(real_bars("coinbase_usd_5m_2023-11_2024-01.parquet", Interval.M5), interval)
    if interval is Interval.H4:
        with pytest.raises(HistoryTooShortError, match="at least 252"):
            build_feature_arrays(grid_from_bars(bars))
        return
    arrays = build_feature_arrays(grid_from_bars(bars), layout=Layout.PER_COIN)
    assert arrays.symbols == DEFAULT_SYMBOLS
    usable = arrays.features[arrays.segment >= 0]
    assert np.isfinite(usable).all()
    assert (usable.std(axis=0) > 1e-6).all()
    assert abs(usable).max() < 20
    assert arrays.tradable.mean() > 0.95
