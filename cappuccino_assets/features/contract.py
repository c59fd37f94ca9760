"""What a row of features and an observation consist of, column by column."""

from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Final, Self

from cappuccino_assets.errors import ContractMismatchError
from cappuccino_assets.features.indicators import (
    INDICATOR_NAMES,
    INDICATOR_VERSIONS,
    RECURSIVE_MEMORY_BARS,
)
from cappuccino_assets.features.rolling import ROLLING_NAMES, ROLLING_VERSIONS, longest_window_bars
from cappuccino_assets.features.scaling import Scaler
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.storage.files import canonical_json, sha256_of
from cappuccino_assets.types import Json

_MODEL_FIELDS: Final = ("lookback", "norm_tech_exp", "scaler", "action_space")


class Layout(StrEnum):
    """Whose indicators an observation holds: the basket's, or every coin's."""

    COMPACT = "compact"
    PER_COIN = "per_coin"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureContract:
    """The meaning of every number that a model is fed.

    The market part describes stored arrays; the model part, None there, what one model adds to it.

    Attributes:
        symbols: Traded pairs, in order.
        columns: Market columns of one bar, in order: the lagged ones, then the rolling ones.
        n_lagged_columns: How many columns an observation repeats for every lag.
        warm_up_bars: Bars of every segment that have no features.
        memory_bars: How far back one row looks, in bars, the lookback excluded.
        indicator_versions: Definition and version of each family of columns, as "name/version".
        lookback: Bars in one observation.
        clock_bars: Bars in a cycle when the observation ends with a clock, else None.
        norm_tech_exp: Market columns are multiplied by 2 to this power after scaling.
        scaler: Standardisation of the market columns.
        action_space: The action space as JSON values.
    """

    symbols: tuple[str, ...]
    interval: Interval
    layout: Layout
    enhanced: bool
    columns: tuple[str, ...]
    n_lagged_columns: int
    warm_up_bars: int
    memory_bars: int
    indicator_versions: tuple[str, ...]
    dtype: str = "float32"
    lookback: int | None = None
    clock_bars: int | None = None
    norm_tech_exp: float | None = None
    scaler: Scaler | None = None
    action_space: Json | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        """Refuse a contract that contradicts itself.

        Raises:
            ValueError: The rule, and the value that breaks it.
        """
        for name in ("symbols", "columns"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise ValueError(f"A contract needs distinct {name}, but got {values}.")
        if not 1 <= self.n_lagged_columns <= len(self.columns):
            raise ValueError(
                f"Between 1 and {len(self.columns)} columns are lagged, "
                f"but got {self.n_lagged_columns=}."
            )
        if self.warm_up_bars < 1 or self.memory_bars < 1:
            raise ValueError(
                f"Memory is at least one bar, but got {self.warm_up_bars=}, {self.memory_bars=}."
            )
        self._check_model_part()

    def _check_model_part(self) -> None:
        given = [name for name in _MODEL_FIELDS if getattr(self, name) is not None]
        if given and len(given) < len(_MODEL_FIELDS):
            raise ValueError(f"The model part is whole or absent, but only {given} are given.")
        if not given and self.clock_bars is not None:
            raise ValueError(f"Only a model has a clock, but got {self.clock_bars=}.")
        if self.lookback is not None and self.lookback < 1:
            raise ValueError(f"A lookback is at least 1 bar, but got {self.lookback=}.")
        if self.clock_bars is not None and self.clock_bars < 1:
            raise ValueError(f"A cycle is at least 1 bar, but got {self.clock_bars=}.")
        if self.scaler is not None and len(self.scaler.mean) != len(self.columns):
            raise ValueError(
                f"The scaler has {len(self.scaler.mean)} columns, "
                f"but the contract {len(self.columns)}."
            )

    @property
    def n_columns(self) -> int:
        """Market columns of one bar."""
        return len(self.columns)

    @property
    def lagged_columns(self) -> tuple[str, ...]:
        """Columns that an observation repeats for every lag."""
        return self.columns[: self.n_lagged_columns]

    @property
    def unlagged_columns(self) -> tuple[str, ...]:
        """Columns that an observation holds once."""
        return self.columns[self.n_lagged_columns :]

    @property
    def observation_columns(self) -> tuple[str, ...]:
        """Names of an observation's numbers, in order.

        Raises:
            ValueError: If there is no model part, for then there is no observation.
        """
        if self.lookback is None:
            raise ValueError("A contract without a model part describes no observation.")
        account = ("cash_weight", *(f"{symbol}.weight" for symbol in self.symbols))
        lagged = tuple(
            f"{column}.lag{lag}" for lag in range(self.lookback) for column in self.lagged_columns
        )
        clock = () if self.clock_bars is None else ("cycle_left",)
        return account + lagged + self.unlagged_columns + clock

    @property
    def observation_size(self) -> int:
        """Numbers in one observation."""
        return len(self.observation_columns)

    def for_model(
        self,
        *,
        lookback: int,
        clock_bars: int | None,
        norm_tech_exp: float,
        scaler: Scaler,
        action_space: Json,
    ) -> Self:
        """Add one model's part."""
        return replace(
            self,
            lookback=lookback,
            clock_bars=clock_bars,
            norm_tech_exp=float(norm_tech_exp),
            scaler=scaler,
            action_space=action_space,
        )

    def market_part(self) -> Self:
        """Drop the model's part."""
        return replace(
            self,
            lookback=None,
            clock_bars=None,
            norm_tech_exp=None,
            scaler=None,
            action_space=None,
        )

    def to_json(self) -> Json:
        """Write every field as JSON values."""
        values = asdict(self)
        values["scaler"] = None if self.scaler is None else self.scaler.to_json()
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ContractMismatchError: If a field is missing or unknown; names it.
            ValueError: If a value breaks a rule.
        """
        names = [each.name for each in fields(cls)]
        for name in [*names, *value]:
            if name not in value or name not in names:
                raise ContractMismatchError(name, expected=name in names, found=name in value)
        values: Json = {name: tuple(v) if isinstance(v, list) else v for name, v in value.items()}
        values["interval"] = Interval(value["interval"])
        values["layout"] = Layout(value["layout"])
        if value["scaler"] is not None:
            values["scaler"] = Scaler.from_json(value["scaler"])
        return cls(**values)

    def canonical_json(self) -> str:
        """Render so that equal contracts have equal text."""
        return canonical_json(self.to_json())

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return sha256_of(self.canonical_json().encode())

    def require_equal(self, other: "FeatureContract") -> None:
        """Compare with a contract that must be the same.

        Args:
            other: The contract that was found; this one is what was expected.

        Raises:
            ContractMismatchError: Names the first field that differs.
        """
        if self.hash == other.hash:
            return
        expected, found = self.to_json(), other.to_json()
        for name in expected:
            if canonical_json(expected[name]) != canonical_json(found[name]):
                raise ContractMismatchError(name, expected=expected[name], found=found[name])


def market_contract(
    *, symbols: tuple[str, ...], interval: Interval, layout: Layout, enhanced: bool
) -> FeatureContract:
    """Derive the market part of a contract.

    Args:
        symbols: Traded pairs, in order.
        interval: Length of a bar.
        layout: Whose indicators there are.
        enhanced: Whether the rolling features of every coin follow.

    Returns:
        A contract without a model part.
    """
    owners = ("basket",) if layout is Layout.COMPACT else symbols
    lagged = tuple(f"{owner}.{name}" for owner in owners for name in INDICATOR_NAMES)
    rolling = tuple(f"{symbol}.{name}" for symbol in symbols for name in ROLLING_NAMES)
    versions = INDICATOR_VERSIONS + (ROLLING_VERSIONS if enhanced else ())
    memory = max(RECURSIVE_MEMORY_BARS, longest_window_bars(interval) if enhanced else 0)
    return FeatureContract(
        symbols=symbols,
        interval=interval,
        layout=layout,
        enhanced=enhanced,
        columns=lagged + rolling if enhanced else lagged,
        n_lagged_columns=len(lagged),
        warm_up_bars=memory,
        memory_bars=memory,
        indicator_versions=versions,
    )
