"""Markets that are small enough to be recomputed many times."""

from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.proofs.futures import with_gaps

SYMBOLS = ("AAVE/USD", "BTC/USD", "ETH/USD")


def gappy_market(seed: int) -> Bars:
    """A year of hourly bars, to be proven at four hours, with every kind of gap."""
    source = SimulatedSource(interval=Interval.H1, n_days=365, symbols=SYMBOLS, seed=seed)
    return with_gaps(source.fetch_bars(), seed=seed)
