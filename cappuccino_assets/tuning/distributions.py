"""Ranges to draw parameters from; what they yield are values, never indices."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from math import exp, isfinite, log
from typing import TYPE_CHECKING, Final, cast

from cappuccino_assets.errors import ConfigurationError
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

    def raw(self, value: Value) -> Value:
        """Turn the parameter's value into what Optuna keeps."""
        return value

    @property
    def is_ordered(self) -> bool:
        """Whether its values are numbers, not categories."""
        return True

    @abstractmethod
    def place(self, value: Value) -> float:
        """Say where a value lies: 0 is the low end, 1 the high one, on the scale it is drawn on."""

    @abstractmethod
    def at(self, place: float) -> Value:
        """Find the value nearest to a place; what is outside of [0, 1] is its nearer end."""

    @abstractmethod
    def contains(self, value: Value) -> bool:
        """Whether it could have yielded a value."""

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

    @property
    def n_steps(self) -> int:
        """Steps from the low end to the high one."""
        return round((self.high - self.low) / self.step)

    def place(self, value: Value) -> float:
        """Say where a value lies in [0, 1]."""
        return _share(float(value), self.low, self.high)

    def at(self, place: float) -> Value:
        """Find the grid's value nearest to a place."""
        return self.value(self.low + self.step * round(_clipped(place) * self.n_steps))

    def contains(self, value: Value) -> bool:
        """Whether a value is on the grid."""
        return _is_number(value) and self.at(self.place(value)) == value


@dataclass(frozen=True, slots=True)
class LogUniform(Distribution):
    """Numbers between low and high, each factor as likely."""

    low: float
    high: float

    def draw(self, trial: "Trial", raw_name: str) -> Value:
        """Let a trial choose."""
        return trial.suggest_float(raw_name, self.low, self.high, log=True)

    def place(self, value: Value) -> float:
        """Say where a value lies in [0, 1]."""
        return _share(log(float(value)), log(self.low), log(self.high))

    def at(self, place: float) -> Value:
        """Find the value at a place."""
        return _between(self.low, self.high, _clipped(place))

    def contains(self, value: Value) -> bool:
        """Whether a value is between the ends."""
        return _is_number(value) and self.low <= float(value) <= self.high


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

    def raw(self, value: Value) -> Value:
        """Take a complement that rounds to a value; where the range cuts off others, its end."""
        return min(max(round(1.0 - float(value), self.decimals), self.low), self.high)

    def place(self, value: Value) -> float:
        """Say where the complement of a value lies in [0, 1]."""
        return _share(log(float(self.raw(value))), log(self.low), log(self.high))

    def at(self, place: float) -> Value:
        """Find the value at a place of the complement."""
        return self.value(_between(self.low, self.high, _clipped(place)))

    def contains(self, value: Value) -> bool:
        """Whether a complement between the ends rounds to a value."""
        return _is_number(value) and self.value(self.raw(value)) == value


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

    @property
    def n_steps(self) -> int:
        """Steps from the low end to the high one."""
        return (self.high - self.low) // self.step

    def place(self, value: Value) -> float:
        """Say where a value lies in [0, 1]."""
        if self.log:
            return _share(log(float(value)), log(self.low), log(self.high))
        return _share(float(value), self.low, self.high)

    def at(self, place: float) -> Value:
        """Find the whole number nearest to a place."""
        if self.log:
            return round(_between(self.low, self.high, _clipped(place)))
        return self.low + self.step * round(_clipped(place) * self.n_steps)

    def contains(self, value: Value) -> bool:
        """Whether a value is one of the whole numbers."""
        if type(value) is not int or not self.low <= value <= self.high:
            return False
        return (value - self.low) % self.step == 0


@dataclass(frozen=True, slots=True)
class Choice(Distribution):
    """One of the values listed."""

    values: tuple[Value, ...]

    def draw(self, trial: "Trial", raw_name: str) -> Value:
        """Let a trial choose."""
        return cast(Value, trial.suggest_categorical(raw_name, self.values))

    @property
    def is_ordered(self) -> bool:
        """Whether its values are numbers, not categories."""
        return all(map(_is_number, self.values))

    def place(self, value: Value) -> float:
        """Say where a value lies in the list, from 0 to 1."""
        return _share(self.values.index(value), 0, len(self.values) - 1)

    def at(self, place: float) -> Value:
        """Find the value nearest to a place of the list."""
        return self.values[round(_clipped(place) * (len(self.values) - 1))]

    def contains(self, value: Value) -> bool:
        """Whether a value is one of those listed; 1.0 and True are not 1."""
        return any(value == each and type(value) is type(each) for each in self.values)

    def to_json(self) -> Json:
        """Describe the range, so that two can be compared."""
        return {"kind": type(self).__name__, "values": list(self.values)}


_KINDS: Final[dict[str, type[Distribution]]] = {
    kind.__name__: kind for kind in (Uniform, LogUniform, OneMinusLogUniform, Integers, Choice)
}


def distribution_from_json(value: Json) -> Distribution:
    """Read what `to_json` wrote.

    Raises:
        ConfigurationError: If it describes no range.
    """
    if value.get("kind") not in _KINDS:
        raise ConfigurationError(f"A range is one of {[*_KINDS]}, but got {value!r}.")
    rest = {name: each for name, each in value.items() if name != "kind"}
    if "values" in rest:
        rest["values"] = tuple(rest["values"])
    return _KINDS[value["kind"]](**rest)


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _share(value: float, low: float, high: float) -> float:
    return 0.0 if high == low else (value - low) / (high - low)


def _clipped(place: float) -> float:
    return min(max(place, 0.0), 1.0)


def _between(low: float, high: float, share: float) -> float:
    """A number between two on a logarithmic scale, whatever rounding does at the ends."""
    return min(max(exp(log(low) + share * (log(high) - log(low))), low), high)
