import pytest
import torch

from cappuccino_assets.agents.random import MemberRandom
from cappuccino_assets.training.replay import ReplayBuffer, ReplaySample
from cappuccino_assets.training.task import Transition


def _sample(
    *, terminated: set[int], truncated: set[int], capacity: int = 8
) -> dict[int, tuple[float, float, float]]:
    """Write steps 0..4 with reward 2^t and states t -> t + 1; draw 3-step returns by state."""
    buffer = ReplayBuffer(
        n_members=1, n_envs=1, state_size=1, capacity=capacity, device=torch.device("cpu")
    )
    for t in range(5):
        buffer.append(
            torch.full((1, 1, 1), float(t)),
            torch.tensor([[t]]),
            Transition(
                reward=torch.full((1, 1), 2.0**t),
                terminated=torch.tensor([[t in terminated]]),
                truncated=torch.tensor([[t in truncated]]),
                next_state=torch.full((1, 1, 1), t + 1.0),
            ),
        )
    return _by_state(buffer.sample(MemberRandom([0]), batch_size=200, gamma=0.5, n_step=3))


def _by_state(sample: ReplaySample) -> dict[int, tuple[float, float, float]]:
    rows = zip(
        sample.state.flatten().tolist(),
        sample.n_step_return.flatten().tolist(),
        sample.next_state.flatten().tolist(),
        sample.discount.flatten().tolist(),
        strict=True,
    )
    return {int(state): rest for state, *rest in rows}  # type: ignore[misc]


def test_rewards_are_summed_over_n_steps_and_bootstrap_from_the_last() -> None:
    drawn = _sample(terminated=set(), truncated=set())
    assert drawn[0] == [1 + 0.5 * 2 + 0.25 * 4, 3, 0.125]
    assert drawn[2] == [4 + 0.5 * 8 + 0.25 * 16, 5, 0.125]


def test_the_newest_steps_look_only_as_far_as_there_is() -> None:
    drawn = _sample(terminated=set(), truncated=set())
    assert drawn[3] == [8 + 0.5 * 16, 5, 0.25]
    assert drawn[4] == [16, 5, 0.5]


def test_a_terminated_step_ends_the_sum_and_has_no_bootstrap() -> None:
    drawn = _sample(terminated={1}, truncated=set())
    assert drawn[0] == [1 + 0.5 * 2, 2, 0]
    assert drawn[1] == [2, 2, 0]


def test_a_truncated_step_ends_the_sum_and_still_bootstraps() -> None:
    drawn = _sample(terminated=set(), truncated={1})
    assert drawn[0] == [1 + 0.5 * 2, 2, 0.25]


@pytest.mark.parametrize("capacity", [3, 4])
def test_a_full_ring_forgets_the_oldest_steps(capacity: int) -> None:
    drawn = _sample(terminated=set(), truncated=set(), capacity=capacity)
    assert sorted(drawn) == list(range(5 - capacity, 5))
    assert drawn[2] == [4 + 0.5 * 8 + 0.25 * 16, 5, 0.125]
