"""Ranges to draw parameters from; what they yield are values, never indices."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, cast

from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from optuna import Trial

Value = int | float | str
_DECIMALS = 10  # of a value on a grid: 0.1 + 2 x 0.1 is 0.3


@dataclass(frozen=True, slots=True)
class Distribution(ABC):
    """A range that an Optuna trial can draw from."""

    def raw_name(self, name: str) -> str:
        """Name under which Optuna keeps what it drew."""
        return name

    @abstractmethod
    def draw(self, trial: "Trial", raw_name: str) -> Value:
        """Let a trial choose."""

    def value(self, raw: Value) -> Value:
        """Turn what Optuna keeps into the parameter's value."""
        return raw

    def to_json(self) -> Json:
        """Describe the range, so that two can be compared."""
        return {"kind": type(self).__name__, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Uniform(Distribution):
    """Numbers on the grid low, low + step, ..., high, each as likely."""

    low: float
    high: float
    step: float

    def draw(self, trial: "Trial", raw_name: str) -> Value:
        """Let a trial choose."""
        return trial.suggest_float(raw_name, self.low, self.high, step=self.step)

    def value(self, raw: Value) -> Value:
        """Round away what binary fractions add to the grid."""
        return round(float(raw), _DECIMALS)


@dataclass(frozen=True, slots=True)
class LogUniform(Distribution):
    """Numbers between low and high, each factor as likely."""

    low: float
    high: float

    def draw(self, trial: "Trial", raw_name: str) -> Value:
        """Let a trial choose."""
        return trial.suggest_float(raw_name, self.low, self.high, log=True)


@dataclass(frozen=True, slots=True)
class OneMinusLogUniform(Distribution):
    """One minus a log-uniform number, rounded: for a fraction that matters close to 1.

    Optuna keeps the complement, which is what it samples well.
    """

    low: float
    high: float
    decimals: int

    def raw_name(self, name: str) -> str:
        """Name under which Optuna keeps the complement."""
        return f"one_minus_{name}"

    def draw(self, trial: "Trial", raw_name: str) -> Value:
        """Let a trial choose the complement."""
        return trial.suggest_float(raw_name, self.low, self.high, log=True)

    def value(self, raw: Value) -> Value:
        """Take the complement and round it."""
        return round(1.0 - float(raw), self.decimals)


@dataclass(frozen=True, slots=True)
class Integers(Distribution):
    """Whole numbers low, low + step, ..., high."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def draw(self, trial: "Trial", raw_name: str) -> Value:
        """Let a trial choose."""
        return trial.suggest_int(raw_name, self.low, self.high, step=self.step, log=self.log)


@dataclass(frozen=True, slots=True)
class Choice(Distribution):
    """One of the values listed."""

    values: tuple[Value, ...]

    def draw(self, trial: "Trial", raw_name: str) -> Value:
        """Let a trial choose."""
        return cast(Value, trial.suggest_categorical(raw_name, self.values))

    def to_json(self) -> Json:
        """Describe the range, so that two can be compared."""
        return {"kind": type(self).__name__, "values": list(self.values)}
