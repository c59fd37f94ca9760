"""Training of a whole population: every split of a trial, and its final fit, together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.ddqn import DDQNAgent, DDQNConfig
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.agents.ppo import PPOAgent, PPOConfig
from cappuccino_assets.agents.propagation import MICRO_BATCH
from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.envs.environment import TradingEnvironment
from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.envs.observation import ObservationBuilder
from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.envs.starts import StartTable
from cappuccino_assets.errors import TrialFailedError
from cappuccino_assets.execution.rules import TradingRules
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.features.blocks import Block
from cappuccino_assets.features.scaling import Scaler
from cappuccino_assets.training.compute import Precision
from cappuccino_assets.training.ddqn import DDQNTraining
from cappuccino_assets.training.market_task import MarketTask
from cappuccino_assets.training.ppo import PPOTraining
from cappuccino_assets.training.precision import multiplied_with
from cappuccino_assets.training.state import State, joined, part_of, stacked

AgentConfig = PPOConfig | DDQNConfig
_DDQN_ENVS = 16
_STREAMS = ("starts", "weights", "exploration")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPlan:
    """What makes one member differ from the others of its population.

    Args:
        blocks: Rows that it may be trained on.
        scaler: Fitted on those rows only.
        seed: Source of all its random numbers.
    """

    blocks: tuple[Block, ...]
    scaler: Scaler
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedPopulation:
    """The outcome of a training.

    Args:
        policy: The members, in the order of their plans.
        n_steps: Environment steps that each member took.
        curve: Diagnostics over the training, each a list with one number per member.
    """

    policy: Policy
    n_steps: int
    curve: list[dict[str, list[float]]]


def n_envs_of(agent: AgentConfig) -> int:
    """Environments per member: enough to fill a batch, few enough to leave long rollouts."""
    if isinstance(agent, DDQNConfig):
        return _DDQN_ENVS
    return min(64, max(8, agent.target_step // 32))


def action_space_of(agent: AgentConfig, n_symbols: int) -> ActionSpace:
    """Space in which an agent acts: PPO's is continuous, DDQN's discrete."""
    if isinstance(agent, DDQNConfig):
        return ActionSpace(kind="discrete", n_symbols=n_symbols)
    return ActionSpace(kind="continuous", n_symbols=n_symbols)


class PopulationTraining:
    """The training of all members together, which can be halted and continued.

    The result depends on the arguments alone: each member draws from streams of its own seed, and
    becomes bit for bit what it would become without the others.

    Args:
        arrays: Market features and prices; only rows of each member's blocks are visited.
        members: One plan per member, M.
        agent: Hyper-parameters, the same for all members.
        rules: Rules of money.
        reward: Terms of the reward.
        lookback: Bars in one observation, L.
        norm_tech_exp: Indicators are multiplied by 2 to this power.
        break_step: Environment steps of the training of one member.
        device: Where everything runs.
        micro_batch: Samples of a member in one pass; less of them need less memory.
        precision: Of the products of matrices.
    """

    def __init__(
        self,
        arrays: FeatureArrays,
        members: Sequence[MemberPlan],
        *,
        agent: AgentConfig,
        rules: TradingRules,
        reward: RewardConfig,
        lookback: int,
        norm_tech_exp: float,
        break_step: int,
        device: torch.device | str = "cpu",
        micro_batch: int = MICRO_BATCH,
        precision: Precision = "float32",
    ):
        self._precision = precision
        market = MarketTensors.from_arrays(arrays, device)
        self._device = market.device
        environment = TradingEnvironment(
            market,
            rules=[rules] * len(members),
            rewards=[reward] * len(members),
            n_envs=n_envs_of(agent),
            continuing=False,
        )
        observe = ObservationBuilder(
            market,
            lookback=lookback,
            scalers=[member.scaler for member in members],
            norm_tech_exp=norm_tech_exp,
            has_clock=rules.cycle_bars is not None,
        )
        starts = StartTable(
            [member.blocks for member in members],
            arrays.tradable,
            lookback=lookback,
            segment=arrays.segment,
            device=device,
        )
        streams = _streams([member.seed for member in members], device)
        self._task = MarketTask(
            environment, observe, starts, streams["starts"], cycle_bars=rules.cycle_bars
        )
        space = action_space_of(agent, len(arrays.symbols))
        self._training = _training(
            self._task, agent, space, streams, n_steps=break_step, micro_batch=micro_batch
        )

    @property
    def n_steps(self) -> int:
        """Environment steps of the whole training of one member."""
        return self._training.n_steps

    @property
    def n_done(self) -> int:
        """Environment steps that each member has taken."""
        return self._training.n_done

    def advance(self, until_step: int) -> None:
        """Go on until at least so many steps are done, or all are."""
        with multiplied_with(self._precision, self._device):
            self._training.advance(until_step)

    def complete(self) -> TrainedPopulation:
        """Train to the end.

        Raises:
            TrialFailedError: If a weight or diagnostic is not finite.
        """
        self.advance(self.n_steps)
        return self.outcome()

    def state_dict(self) -> State:
        """Copy all that `advance` changes."""
        return joined(task=self._task.state_dict(), training=self._training.state_dict())

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied, of a training with the same arguments."""
        self._task.load_state_dict(part_of(state, "task"))
        self._training.load_state_dict(part_of(state, "training"))

    def outcome(self) -> TrainedPopulation:
        """Copy the members as they are now.

        Raises:
            TrialFailedError: If a weight or diagnostic is not finite.
        """
        policy = self._training.agent.policy()
        curve = _checked(policy, self._training.curve)
        return TrainedPopulation(policy=policy, n_steps=self.n_done, curve=curve)


def _training(
    task: MarketTask,
    config: AgentConfig,
    space: ActionSpace,
    streams: dict[str, MemberRandom],
    *,
    n_steps: int,
    micro_batch: int,
) -> PPOTraining | DDQNTraining:
    size, weights, exploration = task.observation_size, streams["weights"], streams["exploration"]
    if isinstance(config, PPOConfig):
        ppo = PPOAgent(
            [config] * task.n_members,
            observation_size=size,
            action_space=space,
            random=weights,
            micro_batch=micro_batch,
        )
        return PPOTraining(task, ppo, exploration, n_steps=n_steps)
    ddqn = DDQNAgent(
        [config] * task.n_members,
        observation_size=size,
        action_space=space,
        random=weights,
        micro_batch=micro_batch,
    )
    return DDQNTraining(task, ddqn, exploration, n_steps=n_steps)


def _streams(seeds: Sequence[int], device: torch.device | str) -> dict[str, MemberRandom]:
    n = len(_STREAMS)
    return {
        name: MemberRandom([seed * n + i for seed in seeds], device=device)
        for i, name in enumerate(_STREAMS)
    }


def _checked(policy: Policy, curve: list[dict[str, Tensor]]) -> list[dict[str, list[float]]]:
    columns = {name: values.cpu().tolist() for name, values in stacked(curve).items()}
    report = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    finite = all(math.isfinite(x) for entry in report for values in entry.values() for x in values)
    if not (finite and policy.is_finite):
        raise TrialFailedError(
            "The training diverged: a weight or diagnostic is not finite. "
            "Use a smaller learning rate or reward scale."
        )
    return report
