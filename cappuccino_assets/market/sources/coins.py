"""How the coins of simulated markets behave."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """One coin of a simulated market.

    Attributes:
        price_usd: Price before the first bar.
        beta: Share in the market's returns.
        volatility: Standard deviation of an hour's own return.
        volume_usd: Value traded in a usual hour.
    """

    price_usd: float
    beta: float
    volatility: float
    volume_usd: float


_COINS: Final = {
    "AAVE/USD": Coin(price_usd=52.0, beta=1.1, volatility=0.005, volume_usd=6e5),
    "AVAX/USD": Coin(price_usd=11.0, beta=1.15, volatility=0.005, volume_usd=1.5e6),
    "BTC/USD": Coin(price_usd=16_500.0, beta=0.8, volatility=0.0015, volume_usd=6e7),
    "ETH/USD": Coin(price_usd=1_200.0, beta=1.0, volatility=0.002, volume_usd=2e7),
    "LINK/USD": Coin(price_usd=5.6, beta=1.05, volatility=0.0045, volume_usd=1.2e6),
    "LTC/USD": Coin(price_usd=70.0, beta=0.95, volatility=0.004, volume_usd=2.5e6),
    "UNI/USD": Coin(price_usd=5.2, beta=1.05, volatility=0.0045, volume_usd=8e5),
}
_ORDINARY: Final = Coin(price_usd=10.0, beta=1.0, volatility=0.004, volume_usd=1e6)


def coin_of(symbol: str) -> Coin:
    """Look a coin up; one that is not listed is an ordinary one."""
    return _COINS.get(symbol, _ORDINARY)
