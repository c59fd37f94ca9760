"""Proximal policy optimisation of a population, with a squashed Gaussian policy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.agents.architecture import Architecture, Weights
from cappuccino_assets.agents.checks import require_fraction, require_positive, require_same
from cappuccino_assets.agents.exploration import (
    Spread,
    bound,
    correlated,
    density_slope,
    log_density,
    spread_of,
)
from cappuccino_assets.agents.optimiser import (
    Adam,
    LearningRateSchedule,
    rate_factor,
    rate_factors,
)
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.agents.ppo_batch import PPOBatch, minibatch
from cappuccino_assets.agents.ppo_loss import PPOCoefficients, PPOSamples, ppo_gradient
from cappuccino_assets.agents.propagation import MICRO_BATCH, Propagation
from cappuccino_assets.agents.random import MemberRandom

_ACTOR, _CRITIC = 0, 1
_GAINS: Final = (0.01, 1.0)
_INITIAL_LOG_STD: Final = -1.0
_SHARED: Final = ("net_dimension", "batch_size", "target_step", "ppo_epochs")
_DIAGNOSTICS: Final = ("policy_loss", "value_loss", "approximate_kl", "entropy", "gradient_norm")


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOConfig:
    """Hyper-parameters, under the names of the search spaces."""

    net_dimension: int = 128
    batch_size: int = 512
    learning_rate: float = 3e-4
    gamma: float = 0.99
    target_step: int = 2048
    clip_range: float = 0.2
    entropy_coef: float = 1e-3
    value_loss_coef: float = 0.5
    max_grad_norm: float = 0.5
    gae_lambda: float = 0.95
    ppo_epochs: int = 8
    kl_target: float = 0.02
    adam_epsilon: float = 1e-5
    lr_schedule: LearningRateSchedule = "linear"
    lr_schedule_factor: float = 0.3

    def __post_init__(self) -> None:
        require_positive(
            net_dimension=self.net_dimension,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            target_step=self.target_step,
            clip_range=self.clip_range,
            max_grad_norm=self.max_grad_norm,
            ppo_epochs=self.ppo_epochs,
            kl_target=self.kl_target,
            adam_epsilon=self.adam_epsilon,
            lr_schedule_factor=self.lr_schedule_factor,
        )
        require_fraction(gamma=self.gamma, gae_lambda=self.gae_lambda)
        rate_factor(self.lr_schedule, self.lr_schedule_factor, 0.0)


class _Running(NamedTuple):
    """Members that still learn from a rollout; `adam` holds copies unless they are all."""

    members: Tensor  # (K,)
    adam: Adam
    weights: Weights  # views of Adam's values
    coefficients: PPOCoefficients
    kl_target: Tensor  # (K,)


class PPOAgent:
    """M actors and critics that learn together and share nothing.

    Args:
        configs: Hyper-parameters, one set per member. What shapes the tensors is the same in all:
            net_dimension, batch_size, target_step and ppo_epochs.
        observation_size: Width of the observation, O.
        action_space: Must be continuous.
        random: One stream per member.
        micro_batch: Samples of a member in one pass; a minibatch is the sum of its passes.

    Raises:
        ConfigurationError: If there is no member, or members do not fit each other.

    References:
        Schulman et al., "Proximal Policy Optimization Algorithms" (2017), eq. 7 and 9.
    """

    def __init__(
        self,
        configs: Sequence[PPOConfig],
        *,
        observation_size: int,
        action_space: ActionSpace,
        random: MemberRandom,
        micro_batch: int = MICRO_BATCH,
    ):
        require_same(configs, *_SHARED)
        self.configs = tuple(configs)
        self.action_space = action_space
        self._random = random
        self._micro_batch = micro_batch
        self._architecture = Architecture(
            n_inputs=observation_size,
            net_dimension=configs[0].net_dimension,
            heads=(action_space.n_outputs, 1),
            n_free=action_space.n_outputs,
        )
        values = self._architecture.initialise(random, gains=_GAINS)
        self._weights = self._architecture.views(values)
        self._weights.free.fill_(_INITIAL_LOG_STD)
        self._propagation = Propagation(self._architecture, values.device)
        self._adam = Adam(values, configs)
        self._coefficients = PPOCoefficients.collect(configs, values.device)
        self._kl_target = torch.tensor([c.kl_target for c in configs], device=values.device)

    def discounts(self) -> tuple[Tensor, Tensor]:
        """Return gamma and the weight of longer traces of every member, each (M, 1, 1)."""
        rows = [[[[config.gamma]], [[config.gae_lambda]]] for config in self.configs]
        gamma, gae_lambda = torch.tensor(rows, device=self._kl_target.device).unbind(1)
        return gamma, gae_lambda

    @property
    def n_noise(self) -> int:
        """Normal draws that one action needs: one per symbol, and one that they share."""
        return self.action_space.n_outputs + 1

    @torch.no_grad()
    def sample(self, observation: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Draw actions.

        Args:
            observation: Shape (M, E, O).
            noise: Independent standard normal draws, shape (M, E, N + 1).

        Returns:
            Latent actions (their tanh is the trade vector), shape (M, E, N), and their log
            probabilities, shape (M, E).
        """
        scaled = correlated(noise)
        mean = self._propagation.head(self._weights, observation, _ACTOR)
        spread = spread_of(self._weights.free)
        latent = torch.addcmul(mean, spread.std, scaled)
        return latent, log_density(scaled, density_slope(scaled), spread)

    @torch.no_grad()
    def value(self, observation: Tensor) -> Tensor:
        """Estimate the discounted return from observations (M, B, O); shape (M, B)."""
        parts = [
            self._propagation.head(self._weights, part, _CRITIC)[..., 0]
            for part in torch.split(observation, self._micro_batch, dim=1)
        ]
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def update(
        self, batch: PPOBatch, *, progress: float, next_progress: float
    ) -> dict[str, Tensor]:
        """Improve every member by several passes over its own samples.

        Each pass sees every sample once, in minibatches of `batch_size` and a smaller last one. A
        member whose policy has moved further than `kl_target` leaves until the next update, and
        nothing is computed for it any more.

        Args:
            batch: Samples of one rollout.
            progress: Share of the training done before this update, in [0, 1].
            next_progress: Share done after it.

        Returns:
            Diagnostics of each member's last minibatch by name, each of shape (M,).
        """
        n_members, n_samples = batch.advantage.shape
        members = torch.arange(n_members, device=batch.advantage.device)
        running = _Running(members, self._adam, self._weights, self._coefficients, self._kl_target)
        observation, table = batch.observation.flatten(0, 1), batch.table()
        report = batch.advantage.new_zeros(len(_DIAGNOSTICS), n_members)
        draws_after = self._random.counter + self.configs[0].ppo_epochs * n_samples
        for rows, rates in self._minibatches(n_samples, progress, next_progress):
            rows = rows[running.members] + running.members[:, None] * n_samples  # in the table
            diagnostics = self._descend(observation, table, rows, running, rates)
            report[:, running.members] = diagnostics
            running = self._narrowed(running, diagnostics[2] <= running.kl_target)
            if not running.members.numel():
                break
        self._put_back(running)
        self._random.counter = draws_after  # the same whether or not a member stopped early
        return dict(zip(_DIAGNOSTICS, report, strict=True))

    def policy(self) -> Policy:
        """Copy the actors as they are now."""
        return Policy(self._architecture.perceptron(self._adam.values, _ACTOR), self.action_space)

    def state_dict(self) -> dict[str, Tensor]:
        """Copy all that an update changes."""
        return {**self._adam.state_dict(), "draws": torch.tensor(self._random.counter)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go back to what `state_dict` copied."""
        self._adam.load_state_dict(state)
        self._random.counter = int(state["draws"])

    def _minibatches(
        self, n_samples: int, progress: float, next_progress: float
    ) -> Iterator[tuple[Tensor, Sequence[float]]]:
        """Yield the samples of each minibatch (M, R), and the learning-rate factor of members."""
        config = self.configs[0]
        for epoch in range(config.ppo_epochs):
            done = progress + (next_progress - progress) * epoch / config.ppo_epochs
            rates = rate_factors(self.configs, done)
            order = self._random.permutations(n_samples)
            for rows in torch.split(order, config.batch_size, dim=1):
                yield rows, rates

    def _put_back(self, running: _Running) -> None:
        if running.adam is not self._adam:
            self._adam.put(running.members, running.adam)

    def _narrowed(self, running: _Running, near: Tensor) -> _Running:
        """Let those that are not near leave."""
        kept = near.nonzero()[:, 0]  # waits for the device: once in a minibatch
        if len(kept) == len(near):
            return running
        self._put_back(running)
        adam = running.adam.of(kept)
        return _Running(
            running.members[kept],
            adam,
            self._architecture.views(adam.values),
            PPOCoefficients(*(each[kept] for each in running.coefficients)),
            running.kl_target[kept],
        )

    def _descend(
        self,
        observation: Tensor,
        table: Tensor,
        rows: Tensor,
        running: _Running,
        rates: Sequence[float],
    ) -> Tensor:
        """Take one gradient step; returns the diagnostics, shape (5, K)."""
        n_members, n_rows = rows.shape
        gradient = self._propagation.take("gradient", *running.adam.values.shape).zero_()
        slots = self._architecture.views(gradient)
        samples, spread = minibatch(table, rows), spread_of(running.weights.free)
        totals = torch.zeros(3, n_members, device=rows.device)
        for first in range(0, n_rows, self._micro_batch):
            part = slice(first, first + self._micro_batch)
            totals += self._differentiate(
                self._gathered(observation, rows[:, part]),
                PPOSamples(*(each[:, part] for each in samples)),
                spread,
                running,
                onto=slots,
            )
        norm = running.adam.step(gradient.div_(n_rows), rates)
        bound(running.weights.free)
        return torch.cat([totals / n_rows, spread.entropy.mT, norm[None]])

    def _differentiate(
        self, x: Tensor, samples: PPOSamples, spread: Spread, running: _Running, *, onto: Weights
    ) -> Tensor:
        """Accumulate the gradient of the loss summed over some samples."""
        output = self._propagation.forward(running.weights, x)
        actor, critic = (self._architecture.columns(head) for head in (_ACTOR, _CRITIC))
        mean, value = output[..., actor], output[..., critic.start]
        by = ppo_gradient(mean, value, spread, samples, running.coefficients)
        by_output = self._propagation.take("output gradient", *output.shape).zero_()
        by_output[..., actor] = by.mean
        by_output[..., critic.start] = by.value
        self._propagation.backward(running.weights, x, by_output, onto=onto)
        onto.free.add_(by.log_std)
        return by.totals

    def _gathered(self, observation: Tensor, rows: Tensor) -> Tensor:
        """Gather rows (K, R) of observations (M B, O) into scratch (K, R, O)."""
        width = observation.shape[1]
        taken = self._propagation.take("input", *rows.shape, width)
        torch.index_select(observation, 0, rows.flatten(), out=taken.view(-1, width))
        return taken
