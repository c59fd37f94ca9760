"""The typed configuration of one trial, built from the values that a search space yields."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Final, Self, TypeVar

from cappuccino_assets.agents.ddqn import DDQNConfig
from cappuccino_assets.agents.ppo import PPOConfig
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.errors import ConfigurationError, UnknownParameterError
from cappuccino_assets.execution.fees import fee_schedule
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.spaces import Consumer, SearchSpace
from cappuccino_assets.types import Json

AGENTS: Final[dict[str, type[PPOConfig] | type[DDQNConfig]]] = {
    "ppo": PPOConfig,
    "ddqn": DDQNConfig,
}
_Config = TypeVar("_Config")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialConfig:
    """Everything that a training and its evaluation depend on, the bars and seeds apart.

    Attributes:
        algorithm: `ppo` or `ddqn`.
        agent: Hyper-parameters of that algorithm.
        rules: Rules of money, the time-frame constraint included.
        reward: Terms of the reward.
        lookback: Bars in one observation.
        norm_tech_exp: Indicators are multiplied by 2 to this power.
        break_step: Environment steps of one member's training.
    """

    algorithm: str
    agent: PPOConfig | DDQNConfig
    rules: TradingRules
    reward: RewardConfig
    break_step: int
    lookback: int = 5
    norm_tech_exp: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            ConfigurationError: The rule, and the value that breaks it.
        """
        if type(self.agent) is not AGENTS.get(self.algorithm):
            raise ConfigurationError(
                f"{self.algorithm=} is not configured by a {type(self.agent).__name__}."
            )
        if self.lookback < 1 or self.break_step < 1:
            raise ConfigurationError(
                f"Counts are positive, but got {self.lookback=}, {self.break_step=}."
            )

    def to_json(self) -> Json:
        """Write every value as JSON; fee schedules by name."""
        if fee_schedule(self.rules.fees.name) != self.rules.fees:
            raise ConfigurationError(f"{self.rules.fees.name!r} does not name its fee schedule.")
        written = asdict(self)
        written["rules"] |= {
            "fees": self.rules.fees.name,
            "symbols": list(self.rules.symbols),
            "minimum_quantity": dict(self.rules.minimum_quantity),
        }
        return written

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote.

        Raises:
            UnknownParameterError: If there is a field that nothing consumes; names it.
            ConfigurationError: If a field is missing, or a value breaks a rule.
        """
        if value.get("algorithm") not in AGENTS:
            raise ConfigurationError(f"No algorithm is named {value.get('algorithm')!r}.")
        parts = value | {
            "agent": _build(AGENTS[value["algorithm"]], value.get("agent", {}), whole=True),
            "rules": _build(TradingRules, _rules(value.get("rules", {})), whole=True),
            "reward": _build(RewardConfig, value.get("reward", {}), whole=True),
        }
        return _build(cls, parts, whole=True)


def trial_config(params: Mapping[str, Value], plan: StudyPlan) -> TrialConfig:
    """Turn the values of one trial into its typed configuration.

    Args:
        params: A value for every parameter of the plan's space, and for nothing else.
        plan: The study that the trial belongs to.

    Raises:
        UnknownParameterError: If a parameter is none of the space's, or nothing consumes it.
        ConfigurationError: If a parameter is missing, or a value breaks a rule.
    """
    given = _by_consumer(params, plan.space)
    rules: Json = given[Consumer.RULES] | {
        "symbols": plan.symbols,
        "fees": plan.fees,
        "bars_per_day": plan.interval.bars_per_day,
        "cycle_bars": plan.cycle_bars,
    }
    parts = given[Consumer.TRIAL] | {
        "algorithm": plan.algorithm,
        "agent": _build(AGENTS[plan.algorithm], given[Consumer.AGENT]),
        "rules": _build(TradingRules, _rules(rules)),
        "reward": _build(RewardConfig, given[Consumer.REWARD]),
    }
    return _build(TrialConfig, parts)


def _by_consumer(params: Mapping[str, Value], space: SearchSpace) -> dict[Consumer, Json]:
    if unknown := sorted(set(params) - set(space.names)):
        raise UnknownParameterError(f"Nothing consumes the parameter {unknown[0]!r}.")
    if missing := sorted(set(space.names) - set(params)):
        raise ConfigurationError(f"The parameter {missing[0]!r} is missing.")
    given: dict[Consumer, Json] = {consumer: {} for consumer in Consumer}
    for parameter in space.parameters:
        given[parameter.consumer][parameter.name] = params[parameter.name]
    for constant in space.constants:
        given[constant.consumer][constant.name] = constant.value
    return given


def _rules(values: Mapping[str, Any]) -> Json:
    readers: dict[str, Callable[[Any], Any]] = {"fees": fee_schedule, "symbols": tuple}
    return {name: readers[name](v) if name in readers else v for name, v in values.items()}


def _build(cls: type[_Config], values: Mapping[str, Any], *, whole: bool = False) -> _Config:
    known = {each.name: each for each in fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise UnknownParameterError(f"Nothing in {cls.__name__} consumes {unknown[0]!r}.")
    for name, each in known.items():
        optional = each.default is not MISSING or each.default_factory is not MISSING
        if name not in values and (whole or not optional):
            raise ConfigurationError(f"{cls.__name__} needs {name!r}.")
    return cls(**values)
