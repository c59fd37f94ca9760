"""Fee schedules of the venues: a rate by trailing 30-day volume."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

import torch
from torch import Tensor

from cappuccino_assets.errors import ConfigurationError

FEE_WINDOW_DAYS: Final = 30


class FeeMode(StrEnum):
    """How volume lowers the rate: not at all, by steps, or linearly between the tiers."""

    FLAT = "flat"
    TIERED = "tiered"
    PROGRESSIVE = "progressive"


class FeeSide(StrEnum):
    """Which side of the book an order is charged for."""

    MAKER = "maker"
    TAKER = "taker"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTier:
    """The rates, as fractions of notional, from a trailing volume on."""

    volume_usd: float
    maker: float
    taker: float

    def __post_init__(self) -> None:
        """Refuse what is no tier.

        Raises:
            ConfigurationError: If the volume is negative or a rate is not in [0, 1).
        """
        if not 0 <= self.volume_usd < math.inf:
            raise ConfigurationError(f"A tier needs a volume >= 0, but got {self.volume_usd=}.")
        if not (0 <= self.maker < 1 and 0 <= self.taker < 1):
            raise ConfigurationError(
                f"A fee is a fraction in [0, 1), but got {self.maker=}, {self.taker=}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """What a venue charges.

    Attributes:
        name: Name by which `fee_schedule` finds it.
        mode: How volume lowers the rate.
        side: Which side is charged.
        tiers: From volume 0 upwards.
        source: Where the numbers come from.
        date: Day on which they were taken over.
    """

    name: str
    mode: FeeMode
    side: FeeSide
    tiers: tuple[FeeTier, ...]
    source: str
    date: date

    def __post_init__(self) -> None:
        """Refuse tiers that are not ordered from volume 0 upwards.

        Raises:
            ConfigurationError: The rule, and the volumes that break it.
        """
        volumes = [tier.volume_usd for tier in self.tiers]
        if not volumes or volumes[0] != 0 or volumes != sorted(set(volumes)):
            raise ConfigurationError(f"Tiers start at volume 0 and rise, but got {volumes}.")
        if self.mode is FeeMode.FLAT and len(volumes) > 1:
            raise ConfigurationError(f"A flat schedule has one tier, but got {len(volumes)}.")

    @property
    def rates(self) -> tuple[float, ...]:
        """The charged side's rate of each tier."""
        return tuple(getattr(tier, self.side) for tier in self.tiers)

    def rate(self, volume_usd: Tensor) -> Tensor:
        """Look up the rate.

        Args:
            volume_usd: Gross value traded over the trailing 30 days, any shape.

        Returns:
            Fraction of notional, same shape, float64.
        """
        rates = FeeRates([self], volume_usd.device)
        return rates(volume_usd.double().reshape(1, -1)).reshape(volume_usd.shape)


class FeeRates:
    """The schedules of M members as one function on a device.

    Every tier after the first lowers the rate along a ramp of volume. A progressive tier's ramp
    begins at the tier before it; a stepwise tier's is the smallest that a float64 can hold.

    Args:
        schedules: One per member.
        device: Where volumes live.
    """

    def __init__(self, schedules: Sequence[FeeSchedule], device: torch.device | str):
        width = max(len(schedule.tiers) for schedule in schedules) - 1
        rows = [_ramps(schedule, width) for schedule in schedules]
        ramps = torch.tensor(rows, dtype=torch.float64, device=device).view(len(rows), 1, width, 3)
        self._start, self._slope, self._change = ramps.unbind(-1)  # each (M, 1, K)
        first = [[schedule.rates[0]] for schedule in schedules]
        self._first = torch.tensor(first, dtype=torch.float64, device=device)  # (M, 1)

    @property
    def first(self) -> Tensor:
        """Rates before anything was traded, shape (M, 1)."""
        return self._first

    @property
    def is_flat(self) -> bool:
        """Whether volume changes nothing for any member."""
        return not self._start.numel()

    def __call__(self, volume_usd: Tensor) -> Tensor:
        """Look up the rates of trailing volumes (M, E); float64, same shape."""
        if self.is_flat:
            return self._first.expand_as(volume_usd)
        reached = (volume_usd[..., None] - self._start).mul_(self._slope).clamp_(0, 1)
        return reached.mul_(self._change).sum(dim=-1).add_(self._first)


def _ramps(schedule: FeeSchedule, width: int) -> list[tuple[float, float, float]]:
    ramps = []
    for i, tier in enumerate(schedule.tiers[1:]):
        stepwise = math.nextafter(tier.volume_usd, 0)
        start = stepwise if schedule.mode is FeeMode.TIERED else schedule.tiers[i].volume_usd
        change = schedule.rates[i + 1] - schedule.rates[i]
        ramps.append((start, 1 / (tier.volume_usd - start), change))
    return ramps + [(0.0, 0.0, 0.0)] * (width - len(ramps))


def flat_fee(rate: float) -> FeeSchedule:
    """Charge one rate whatever the volume and side.

    Args:
        rate: Fraction of notional, in [0, 1).
    """
    return FeeSchedule(
        name=f"flat_{rate:g}",
        mode=FeeMode.FLAT,
        side=FeeSide.TAKER,
        tiers=(FeeTier(volume_usd=0, maker=rate, taker=rate),),
        source="configuration",
        date=_TAKEN_OVER,
    )


def _tiers(*rows: tuple[float, float, float]) -> tuple[FeeTier, ...]:
    return tuple(
        FeeTier(volume_usd=volume, maker=maker / 100, taker=taker / 100)
        for volume, maker, taker in rows
    )


_TAKEN_OVER: Final = date(2026, 11, 21)

COINBASE: Final = FeeSchedule(
    name="coinbase_progressive",
    mode=FeeMode.PROGRESSIVE,
    side=FeeSide.MAKER,
    tiers=_tiers(
        (0, 0.60, 1.20),  # 30-day volume in USD, maker and taker in percent
        (10_000, 0.40, 0.80),
        (25_000, 0.25, 0.50),
        (75_000, 0.125, 0.25),
        (250_000, 0.075, 0.15),
        (500_000, 0.06, 0.125),
        (1_000_000, 0.05, 0.10),
        (5_000_000, 0.04, 0.085),
    ),
    source="Coinbase Advanced, fee tiers",
    date=_TAKEN_OVER,
)

ALPACA: Final = FeeSchedule(
    name="alpaca_tiered",
    mode=FeeMode.TIERED,
    side=FeeSide.TAKER,  # market orders
    tiers=_tiers(
        (0, 0.15, 0.25),
        (100_000, 0.12, 0.22),
        (500_000, 0.10, 0.20),
        (1_000_000, 0.08, 0.18),
        (10_000_000, 0.05, 0.15),
        (25_000_000, 0.02, 0.13),
        (50_000_000, 0.02, 0.12),
        (100_000_000, 0.00, 0.10),
    ),
    source="Alpaca, crypto spot trading fees",
    date=_TAKEN_OVER,
)

_VENUES: Final = {schedule.name: schedule for schedule in (COINBASE, ALPACA)}


def fee_schedule(name: str) -> FeeSchedule:
    """Find a schedule by name.

    Args:
        name: `coinbase_progressive`, `alpaca_tiered` or `flat_<rate>`, for example `flat_0.006`.

    Raises:
        ConfigurationError: If there is no such schedule.
    """
    if name in _VENUES:
        return _VENUES[name]
    if name.startswith("flat_"):
        try:
            return flat_fee(float(name.removeprefix("flat_")))
        except ValueError as error:
            raise ConfigurationError(f"No rate in the fee schedule {name!r}.") from error
    raise ConfigurationError(
        f"No fee schedule is named {name!r}: choose {', '.join(sorted(_VENUES))} or flat_<rate>."
    )
