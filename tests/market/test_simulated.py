from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from cappuccino_assets.market.grid import gap_report, grid_from_bars
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval
from cappuccino_assets.market.processes import momentum_drift
from cappuccino_assets.market.resampling import resample
from cappuccino_assets.market.sources.oracle import (
    hodl_returns,
    oracle_exposure,
    oracle_returns,
)
from cappuccino_assets.market.sources.simulated import (
    Regime,
    Signal,
    SimulatedSource,
    Strength,
)

HOURS_PER_YEAR = 8760


def sharpe_ratio(returns):
    return returns.mean() / returns.std(ddof=1) * np.sqrt(HOURS_PER_YEAR)


def closes(source):
    return grid_from_bars(source.fetch_bars()).close


@pytest.mark.parametrize("regime", list(Regime))
@pytest.mark.parametrize("interval", list(Interval))
def test_every_market_gives_valid_bars(regime, interval):
    bars = SimulatedSource(regime=regime, interval=interval, n_days=20).fetch_bars()
    assert bars.interval is interval
    assert bars.symbols == DEFAULT_SYMBOLS
    assert bars.start == datetime(2023, 1, 1, tzinfo=UTC)
    assert (bars.frame["volume"] > 0).all()
    assert grid_from_bars(bars).n_bars == 20 * interval.bars_per_day


def test_a_seed_gives_the_same_market_and_another_seed_another():
    first, again, other = (SimulatedSource(seed=seed, n_days=30) for seed in (3, 3, 4))
    assert first.fetch_bars().digest == again.fetch_bars().digest
    assert first.fetch_bars().digest != other.fetch_bars().digest
    assert len({first.name, other.name}) == 2


def test_a_coin_does_not_depend_on_the_other_symbols():
    pair = SimulatedSource(symbols=("UNI/USD", "BTC/USD"), n_days=30).fetch_bars().frame
    whole = SimulatedSource(n_days=30).fetch_bars().frame
    for symbol in ("UNI/USD", "BTC/USD"):
        assert pair.filter(symbol=symbol).equals(whole.filter(symbol=symbol))


@pytest.mark.parametrize("regime", list(Regime))
def test_a_longer_history_begins_with_the_shorter_one(regime):
    short = SimulatedSource(regime=regime, n_days=40).fetch_bars().frame
    long = SimulatedSource(regime=regime, n_days=60).fetch_bars().frame
    last = short["timestamp"].max()
    # the last bar is never lost, so that the history has its length
    shared = pl.col("timestamp") < last
    for old, new in zip(
        short.filter(shared).iter_columns(), long.filter(shared).iter_columns(), strict=True
    ):
        assert old.equals(new)


def test_coins_share_one_factor_and_have_tails_and_clusters():
    source = SimulatedSource(regime=Regime.NULL, n_days=365)
    returns, _ = source.returns()
    correlation = np.corrcoef(returns.T)
    assert correlation.min() > 0.4
    kurtosis = ((returns - returns.mean(0)) ** 4).mean(0) / returns.var(0) ** 2
    assert (kurtosis > 6).all()
    size = np.abs(returns).mean(axis=1)
    assert np.corrcoef(size[:-24], size[24:])[0, 1] > 0.1
    yearly = returns.std(axis=0) * np.sqrt(HOURS_PER_YEAR)
    assert ((yearly > 0.3) & (yearly < 1.2)).all()


def test_an_open_is_the_close_before_it_nearly_and_no_column_is_constant():
    grid = grid_from_bars(SimulatedSource(regime=Regime.NULL, n_days=60).fetch_bars())
    steps = np.log(grid.open[1:] / grid.close[:-1])
    assert 1e-5 < steps.std() < 1e-3
    spread = np.log(grid.high / grid.low)
    assert (spread > 0).all()
    assert 0.002 < np.median(spread) < 0.02


def test_the_null_market_predicts_nothing():
    """The t statistic of any known thing against the next return is standard normal."""
    scores = []
    for seed in range(40):
        source = SimulatedSource(
            regime=Regime.NULL, seed=seed, n_days=180, symbols=("BTC/USD", "ETH/USD", "AAVE/USD")
        )
        returns, expected = source.returns()
        assert not expected.any()
        scores.append([_t_score(known, returns) for known in _known(returns)])
    scores = np.array(scores)  # (seeds, known things)
    assert np.abs(scores.mean(axis=0)).max() < 4 / np.sqrt(len(scores))
    assert np.abs(scores).max() < 4.5
    assert 0.6 < scores.std() < 1.4


def test_the_planted_market_fails_the_test_of_the_null_market():
    source = SimulatedSource(regime=Regime.PLANTED, n_days=180, strength=Strength.STRONG)
    returns, _ = source.returns()
    assert max(abs(_t_score(known, returns)) for known in _known(returns)) > 4.5


def _known(returns):
    """What anyone may know at a bar's close: returns, momentum, volatility; each (T,)."""
    basket = pl.Series(returns.mean(axis=1))
    level = basket.cum_sum()
    fast, slow = (level.ewm_mean(span=span, adjust=False) for span in (12, 26))
    return [
        basket.to_numpy(),
        (fast - slow).to_numpy(),
        basket.rolling_mean(168, min_samples=1).to_numpy(),
        basket.abs().ewm_mean(span=24, adjust=False).to_numpy() * np.sign(basket.to_numpy()),
    ]


def _t_score(known, returns):
    """Heteroscedasticity-robust score of no relation to the basket's next return."""
    product = (known[:-1] - known.mean()) * returns[1:].mean(axis=1)
    return product.mean() / product.std() * np.sqrt(len(product))


def test_the_realistic_market_hardly_pays_an_oracle_and_loses_some_hours():
    sources = [SimulatedSource(seed=seed) for seed in range(6)]
    paid = np.mean([sharpe_ratio(oracle_returns(s, fee_rate=0.006)) for s in sources])
    assert paid < 0
    reports = [gap_report(grid_from_bars(source.fetch_bars())) for source in sources]
    missing = [report["n_missing_bars"].to_list() for report in reports]
    assert all(len(set(counts)) == 1 for counts in missing)  # the same hours for all coins
    assert 0 < np.mean(missing) < 40
    assert max(report["longest_gap_bars"].max() for report in reports) <= 8


@pytest.mark.parametrize(
    ("strength", "least", "most"),
    [(Strength.WEAK, 0.8, 2.6), (Strength.MEDIUM, 3.8, 6.5), (Strength.STRONG, 8.0, 12.0)],
)
def test_the_oracle_earns_what_the_strength_says_after_a_fee(strength, least, most):
    sources = [
        SimulatedSource(regime=Regime.PLANTED, strength=strength, seed=seed) for seed in range(8)
    ]
    oracle = [sharpe_ratio(oracle_returns(source, fee_rate=0.001)) for source in sources]
    hodl = [sharpe_ratio(hodl_returns(source)) for source in sources]
    excess = np.subtract(oracle, hodl)
    assert least < excess.mean() < most
    assert strength is Strength.WEAK or excess.min() > 1.0
    assert abs(np.mean(hodl)) < 3 * np.std(hodl, ddof=1) / np.sqrt(8)


def test_spells_of_the_strong_signal_last_days():
    exposure = oracle_exposure(SimulatedSource(regime=Regime.PLANTED, strength=Strength.STRONG))
    assert (exposure == exposure[:, :1]).all()  # one factor, one signal
    n_turns = np.count_nonzero(np.diff(exposure[:, 0]))
    assert 1 <= 365 / n_turns <= 4
    assert 0.3 < exposure.mean() < 0.7


def test_the_signal_can_live_in_single_coins():
    source = SimulatedSource(regime=Regime.PLANTED, signal=Signal.SYMBOL, strength=Strength.STRONG)
    exposure = oracle_exposure(source)
    agreement = np.corrcoef(exposure.T)[np.triu_indices(7, k=1)]
    assert agreement.max() < 0.9
    assert sharpe_ratio(oracle_returns(source)) > 5


def test_the_signal_survives_resampling():
    """The MACD of hourly bars made of 5m bars leads the next hour."""
    source = SimulatedSource(
        regime=Regime.PLANTED, strength=Strength.STRONG, interval=Interval.M5, n_days=120
    )
    close = grid_from_bars(resample(source.fetch_bars(), Interval.H1)).close
    returns = close[1:] / close[:-1] - 1
    assert _t_score(_known(returns)[1], returns) > 4.5


def test_the_expected_return_is_what_was_known_before_the_bar():
    rng = np.random.default_rng(0)
    shock = 0.005 * rng.standard_normal(200)
    changed = shock.copy()
    changed[100:] *= -3.0
    drifts = [
        momentum_drift(x, strength=0.3, hourly_volatility=0.005, bar_hours=1.0)
        for x in (shock, changed)
    ]
    np.testing.assert_array_equal(drifts[0][:101], drifts[1][:101])
    assert drifts[0][101] != drifts[1][101]


@pytest.mark.parametrize(
    ("bar_hours", "gap"),  # of the two averages after a first return of 1
    [(1.0, 2 / 13 - 2 / 27), (2.0, (25 / 27) ** 2 - (11 / 13) ** 2)],
)
def test_the_drift_follows_its_formula_in_hours(bar_hours, gap):
    drift = momentum_drift(
        np.array([0.01, 0.0]), strength=0.3, hourly_volatility=0.005, bar_hours=bar_hours
    )
    assert drift[0] == 0.0
    assert drift[1] == pytest.approx(0.0015 * bar_hours * np.tanh(0.01 * gap / 0.01), rel=1e-12)


def test_the_drift_is_bounded_by_its_strength():
    crash = np.full(500, -0.1)
    drift = momentum_drift(crash, strength=0.3, hourly_volatility=0.005, bar_hours=0.5)
    assert drift.min() >= -0.3 * 0.005 * 0.5


def test_the_oracle_pays_its_fee_on_what_it_trades():
    source = SimulatedSource(regime=Regime.PLANTED, n_days=60)
    weight = oracle_exposure(source) / 7
    traded = np.abs(np.diff(weight, axis=0, prepend=0)).sum()
    paid = oracle_returns(source).sum() - oracle_returns(source, fee_rate=0.001).sum()
    assert paid == pytest.approx(0.001 * traded)
    with pytest.raises(ValueError, match="fee_rate=1"):
        oracle_returns(source, fee_rate=1)


def test_hodl_is_what_the_closes_say():
    source = SimulatedSource(regime=Regime.NULL, n_days=30)
    close = closes(source)
    last = np.cumprod(1 + hodl_returns(source))[[0, -1]]
    start = np.array([52.0, 11.0, 16_500.0, 1_200.0, 5.6, 70.0, 5.2])
    assert last[-1] == pytest.approx((close[-1] / start).mean())
    assert last[0] == pytest.approx((close[0] / start).mean())


def test_words_that_mean_nothing_are_refused():
    for changes in ({"regime": "bull"}, {"strength": "huge"}, {"n_days": 0}, {"seed": -1}):
        with pytest.raises(ValueError, match="|".join(map(str, changes.values()))):
            SimulatedSource(**changes)
