"""The money of recorded trades, added up again by hand.

This module imports nothing of the package, on purpose: it has its own copy of the venues' published
fees and its own arithmetic, so that an error of the accounts cannot hide in both.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

CENT: Final = Decimal("0.01")
_WINDOW_S: Final = 30 * 24 * 60 * 60

# 30-day volume in USD; maker and taker fee in percent.
PUBLISHED: Final = {
    "coinbase": (
        ("0", "0.60", "1.20"),
        ("10000", "0.40", "0.80"),
        ("25000", "0.25", "0.50"),
        ("75000", "0.125", "0.25"),
        ("250000", "0.075", "0.15"),
        ("500000", "0.06", "0.125"),
        ("1000000", "0.05", "0.10"),
        ("5000000", "0.04", "0.085"),
    ),
    "alpaca": (
        ("0", "0.15", "0.25"),
        ("100000", "0.12", "0.22"),
        ("500000", "0.10", "0.20"),
        ("1000000", "0.08", "0.18"),
        ("10000000", "0.05", "0.15"),
        ("25000000", "0.02", "0.13"),
        ("50000000", "0.02", "0.12"),
        ("100000000", "0.00", "0.10"),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainTerms:
    """What trading costs, by name and number.

    Attributes:
        venue: `coinbase`, `alpaca`, or `flat`.
        side: `maker` or `taker`.
        is_progressive: Whether the rate falls linearly from tier to tier, not by steps.
        flat_rate: The rate of a flat venue, as a fraction; not looked at otherwise.
        half_spread_bps: Half of the spread, in basis points.
        slippage_bps: Slippage, in basis points.
        initial_cash_usd: Capital of an account at its start.
    """

    venue: str
    side: str
    is_progressive: bool = False
    flat_rate: float = 0.0
    half_spread_bps: float
    slippage_bps: float
    initial_cash_usd: float

    def __post_init__(self) -> None:
        """Refuse terms that mean nothing.

        Raises:
            ValueError: If there are no published fees of the venue, or no such side.
        """
        if self.venue != "flat" and self.venue not in PUBLISHED:
            raise ValueError(f"No fees of {self.venue!r} are written down here.")
        if self.side not in ("maker", "taker"):
            raise ValueError(f"An order is a maker's or a taker's, but got {self.side=}.")

    def rate(self, volume_usd: Decimal) -> Decimal:
        """Read the published table: the fee as a fraction, after such a 30-day volume."""
        if self.venue == "flat":
            return Decimal(self.flat_rate)
        column = 1 if self.side == "maker" else 2
        rows = [(Decimal(row[0]), Decimal(row[column]) / 100) for row in PUBLISHED[self.venue]]
        for (bound, rate), (next_bound, next_rate) in pairwise(rows):
            if volume_usd < next_bound:
                way = (volume_usd - bound) / (next_bound - bound)
                return rate + (next_rate - rate) * way if self.is_progressive else rate
        return rows[-1][1]


class PlainFill(NamedTuple):
    """A recorded fill; `bar` is the open of its bar in seconds since 1970, UTC."""

    bar: int
    symbol: str
    side: str
    occasion: str
    quantity: float
    price: float
    notional_usd: float
    fee_usd: float
    cash_after_usd: float


class PlainBar(NamedTuple):
    """A bar's prices by symbol, and what the accounts said at its close."""

    open_time: int
    open: Mapping[str, float]
    close: Mapping[str, float]
    cash_usd: float
    fees_usd: float
    equity_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCheck:
    """How far the recorded money is from the money added up by hand.

    Attributes:
        n_fills: Fills that were added up.
        n_bars: Closes at which cash, fees and equity were compared.
        fees_usd: All fees, by hand.
        final_equity_usd: Of the last account, by hand.
        largest_difference_usd: Over everything that was compared.
        first_fault: The first difference of half a cent or more; None where there is none.
    """

    n_fills: int
    n_bars: int
    fees_usd: float
    final_equity_usd: float
    largest_difference_usd: float
    first_fault: str | None

    @property
    def agrees(self) -> bool:
        """Whether all of it agrees to the cent."""
        return self.first_fault is None


@dataclass(slots=True)
class _Account:
    """A purse, and what was traded out of it in the last 30 days."""

    terms: PlainTerms
    cash: Decimal
    fees: Decimal = Decimal(0)
    volume: Decimal = Decimal(0)
    held: dict[str, Decimal] = field(default_factory=dict)
    recent: deque[tuple[int, Decimal]] = field(default_factory=deque)

    def rate_at(self, bar: int) -> Decimal:
        while self.recent and self.recent[0][0] < bar - _WINDOW_S:
            self.volume -= self.recent.popleft()[1]
        return self.terms.rate(self.volume)

    def fill(self, fill: PlainFill, prices: PlainBar, rate: Decimal) -> Decimal:
        """Book a fill; returns its price."""
        quoted = prices.open if fill.occasion == "open" else prices.close
        worse = (Decimal(self.terms.half_spread_bps) + Decimal(self.terms.slippage_bps)) / 10_000
        sign = 1 if fill.side == "buy" else -1
        price = Decimal(quoted[fill.symbol]) * (1 + sign * worse)
        notional = Decimal(fill.quantity) * price
        held = self.held.get(fill.symbol, Decimal(0)) + sign * Decimal(fill.quantity)
        self.held[fill.symbol] = held
        self.cash -= sign * notional + rate * notional
        self.fees += rate * notional
        self.recent.append((fill.bar, notional))
        self.volume += notional
        return price

    def equity(self, close: Mapping[str, float]) -> Decimal:
        return self.cash + sum((q * Decimal(close[s]) for s, q in self.held.items()), Decimal(0))


def check_ledger(
    accounts: Iterable[tuple[Sequence[PlainFill], Sequence[PlainBar]]], terms: PlainTerms
) -> LedgerCheck:
    """Add up recorded trades, account by account, and compare with what was recorded.

    Every price must be the bar's open or close moved by the costs, every fee the published rate at
    the volume of the 30 days before its bar. Cash must follow from fill to fill and never be
    negative, nothing may be sold that is not held, and at every close cash, fees and equity must be
    those of the books.

    Args:
        accounts: Fills of each account in their order, and its bars in theirs.
        terms: What trading cost.

    Raises:
        ValueError: If there is no bar, or a fill belongs to none.
    """
    n_fills = n_bars = 0
    fees, equity, largest, fault = Decimal(0), Decimal(0), Decimal(0), None
    for fills, bars in accounts:
        account = _Account(terms, cash=Decimal(terms.initial_cash_usd))
        for what, difference in _differences(account, fills, bars):
            largest = max(largest, difference)
            if fault is None and difference >= CENT / 2:
                fault = f"{what} is {difference:.4f} USD off"
        n_fills, n_bars = n_fills + len(fills), n_bars + len(bars)
        fees, equity = fees + account.fees, account.equity(bars[-1].close)
    if not n_bars:
        raise ValueError("Books need a bar, but there is none.")
    return LedgerCheck(
        n_fills=n_fills,
        n_bars=n_bars,
        fees_usd=float(fees),
        final_equity_usd=float(equity),
        largest_difference_usd=float(largest),
        first_fault=fault,
    )


def _differences(
    account: _Account, fills: Sequence[PlainFill], bars: Sequence[PlainBar]
) -> Iterator[tuple[str, Decimal]]:
    pending = deque(fills)
    for bar in bars:
        at = datetime.fromtimestamp(bar.open_time, UTC).isoformat()
        rate = account.rate_at(bar.open_time)
        while pending and pending[0].bar == bar.open_time:
            yield from _fill_differences(account, pending.popleft(), bar, rate, at)
        closing = (bar.cash_usd, account.cash), (bar.fees_usd, account.fees)
        marked = (bar.equity_usd, account.equity(bar.close))
        for name, (said, found) in zip(("cash", "fees", "equity"), (*closing, marked), strict=True):
            yield f"{name} at the close of the bar of {at}", abs(Decimal(said) - found)
    if pending:
        raise ValueError(f"The fill {pending[0]} belongs to no bar.")


def _fill_differences(
    account: _Account, fill: PlainFill, bar: PlainBar, rate: Decimal, at: str
) -> Iterator[tuple[str, Decimal]]:
    price = account.fill(fill, bar, rate)
    quantity = Decimal(fill.quantity)
    compared = {
        "price": (Decimal(fill.price) - price) * quantity,
        "notional": Decimal(fill.notional_usd) - price * quantity,
        "fee": Decimal(fill.fee_usd) - rate * price * quantity,
        "cash": Decimal(fill.cash_after_usd) - account.cash,
        "overdraft": min(account.cash, Decimal(0)),
        "short sale": min(account.held[fill.symbol], Decimal(0)) * price,
    }
    for name, difference in compared.items():
        yield f"{name} of the {fill.side} of {fill.symbol} at {at}", abs(difference)
