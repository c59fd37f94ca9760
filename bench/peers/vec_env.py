"""One member's environments as Stable-Baselines3 knows them, batched as they are."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.training.task import Task

LATENT_BOUND = 10.0  # tanh is 1 in float32 from there on; bounds must be finite
NOISE_CORRELATION = 0.5  # between two symbols' exploration, as our agent's


class MarketVecEnv(VecEnv):
    """Actions are Gaussian draws: the environments mix and squash them as our agent does.

    Mixed by the symmetric root of the correlation, independent noise explores like our agent's. So
    all contenders choose from the same policies, and differ in nothing but their code.

    An ended environment is restarted at once. What it had reached is told as
    `terminal_observation`, and `TimeLimit.truncated` says whether it still bootstraps.

    Args:
        task: Environments of a single member.
        action_space: Of the agent that this stands for.
    """

    render_mode = None  # nothing to see; asked for when the environments are made

    def __init__(self, task: Task, action_space: ActionSpace):
        if task.n_members != 1:
            raise ValueError(f"A peer trains one member, but got {task.n_members=}.")
        self._task = task
        self._mix = _correlation_root(action_space.n_outputs)
        self.mean_rewards: list[float] = []
        shape = (action_space.n_outputs,)
        super().__init__(
            task.n_envs,
            gym.spaces.Box(-np.inf, np.inf, (task.observation_size,), np.float32),
            gym.spaces.Box(-LATENT_BOUND, LATENT_BOUND, shape, np.float32),
        )

    def reset(self) -> NDArray[np.float32]:
        """Return observations, shape (E, O); the task starts by itself."""
        return self._observation(self._task.state())

    def step_async(self, actions: NDArray[np.float32]) -> None:
        self._latent = torch.from_numpy(np.asarray(actions, dtype=np.float32))

    def step_wait(self) -> tuple[Any, Any, Any, list[dict[str, Any]]]:
        transition = self._task.step(torch.tanh(self._latent @ self._mix)[None])
        reward = transition.reward[0].numpy()
        self.mean_rewards.append(float(reward.mean()))
        done = (transition.terminated | transition.truncated)[0].numpy()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if done.any():
            truncated = transition.truncated[0].numpy()
            reached = self._observation(transition.next_state)
            for i in np.flatnonzero(done):
                infos[i] = {
                    "terminal_observation": reached[i],
                    "TimeLimit.truncated": bool(truncated[i]),
                }
        return self._observation(self._task.state()), reward, done, infos

    def close(self) -> None:
        """Hold nothing open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self, attr_name)] * len(self._of(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError(f"The environments are one: {attr_name} cannot be set for some.")

    def env_method(self, method_name: str, *_: Any, **__: Any) -> list[Any]:
        raise AttributeError(f"The environments are one: there is no {method_name} of each.")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        return [False] * len(self._of(indices))

    def _of(self, indices: int | Sequence[int] | None) -> list[int]:
        return list(self._get_indices(indices))

    def _observation(self, state: torch.Tensor) -> NDArray[np.float32]:
        observed: NDArray[np.float32] = self._task.observe(state)[0].numpy()
        return observed


def _correlation_root(n: int) -> torch.Tensor:
    correlation = torch.full((n, n), NOISE_CORRELATION, dtype=torch.float64)
    correlation.fill_diagonal_(1.0)
    values, vectors = torch.linalg.eigh(correlation)
    return (vectors * values.sqrt() @ vectors.T).float()
