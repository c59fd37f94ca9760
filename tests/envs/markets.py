"""Small markets, written down or drawn, for the tests of the environment."""

import numpy as np

from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.contract import Layout, market_contract
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval


def arrays_of(
    close,
    *,
    open_price=None,
    observed=None,
    segment=None,
    interval=Interval.H4,
    layout=Layout.COMPACT,
    enhanced=False,
    seed=0,
) -> FeatureArrays:
    """Build arrays around closes (T, N); bars open at their close unless said otherwise."""
    close = np.asarray(close, dtype=np.float64)
    n_bars, n_symbols = close.shape
    contract = market_contract(
        symbols=DEFAULT_SYMBOLS[:n_symbols], interval=interval, layout=layout, enhanced=enhanced
    )
    random = np.random.default_rng(seed)
    return FeatureArrays(
        contract=contract,
        dataset_digest="0" * 64,
        open_time=np.arange(n_bars, dtype=np.int64) * interval.seconds,
        open=close.copy() if open_price is None else np.asarray(open_price, dtype=np.float64),
        close=close,
        observed=np.ones(close.shape, np.bool_) if observed is None else np.asarray(observed),
        segment=np.zeros(n_bars, np.int64) if segment is None else np.asarray(segment, np.int64),
        features=random.standard_normal((n_bars, contract.n_columns), dtype=np.float32),
    )


def random_arrays(
    n_bars=400, n_symbols=4, *, seed=0, missing=0.0, volatility=0.03, interval=Interval.H4
) -> FeatureArrays:
    """Draw a market; a share of its bars is missing and filled with the last close."""
    random = np.random.default_rng(seed)
    level = random.uniform(0.5, 3_000, n_symbols)
    close = level * np.exp(np.cumsum(volatility * random.standard_normal((n_bars, n_symbols)), 0))
    gap = np.exp(0.2 * volatility * random.standard_normal((n_bars, n_symbols)))
    open_price = np.vstack([close[:1], close[:-1]]) * gap
    observed = random.random((n_bars, n_symbols)) >= missing
    observed[:4] = True
    for t in range(1, n_bars):
        filled = ~observed[t]
        close[t, filled] = open_price[t, filled] = close[t - 1, filled]
    return arrays_of(close, open_price=open_price, observed=observed, interval=interval, seed=seed)
