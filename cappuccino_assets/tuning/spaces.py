"""What a search space is: parameters, the ranges they come from, and what consumes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cappuccino_assets.storage.files import canonical_json, sha256_of
from cappuccino_assets.tuning.distributions import Distribution, Value
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from optuna import Trial


class Consumer(StrEnum):
    """What a parameter is a field of."""

    AGENT = "agent"
    RULES = "rules"
    REWARD = "reward"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One dimension of a search space.

    Attributes:
        name: Name of the field that takes it.
        distribution: Where its values come from.
        unit: What one unit of it is; "" for a pure number.
        consumer: What it is a field of.
    """

    name: str
    distribution: Distribution
    unit: str
    consumer: Consumer

    def suggest(self, trial: "Trial") -> Value:
        """Let a trial choose a value."""
        return self.distribution.value(self.distribution.draw(trial, self.raw_name))

    @property
    def raw_name(self) -> str:
        """Name under which Optuna keeps what it drew."""
        return self.distribution.raw_name(self.name)

    def value(self, drawn: Mapping[str, Any]) -> Value:
        """Read the value from what Optuna kept."""
        return self.distribution.value(drawn[self.raw_name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A value that a phase fixes, with the reason beside it in `ranges.py`."""

    name: str
    value: Value
    consumer: Consumer


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """What one phase searches for one algorithm.

    Attributes:
        phase: 1 or 2.
        algorithm: `ppo` or `ddqn`.
        parameters: What is searched.
        constants: What is fixed, where the default of its consumer is not meant.
    """

    phase: int
    algorithm: str
    parameters: tuple[Parameter, ...]
    constants: tuple[Constant, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the searched parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def digest(self) -> str:
        """SHA-256 of all ranges and constants."""
        return sha256_of(canonical_json(self.to_json()).encode())

    def values(self, drawn: Mapping[str, Any]) -> dict[str, Value]:
        """Read the values of the parameters that Optuna kept; an interrupted trial lacks some."""
        return {each.name: each.value(drawn) for each in self.parameters if each.raw_name in drawn}

    def to_json(self) -> Json:
        """Describe the space by name, so that two can be compared parameter by parameter."""
        ranges = {each.name: each.distribution.to_json() for each in self.parameters}
        return ranges | {each.name: {"constant": each.value} for each in self.constants}


def suggest(trial: "Trial", space: SearchSpace) -> dict[str, Value]:
    """Let a trial choose values for a whole space.

    Args:
        trial: Asks the study's sampler, and keeps what it drew.
        space: What is searched.

    Returns:
        Values by parameter name, in the order of the space.
    """
    return {parameter.name: parameter.suggest(trial) for parameter in space.parameters}
