import pytest
import torch

from cappuccino_assets.agents.advantages import generalized_advantage


def _advantage(*, terminated: list[bool], truncated: list[bool], gae_lambda: float) -> list[float]:
    def row(values: list[float]) -> torch.Tensor:
        return torch.tensor(values).view(1, -1, 1)

    advantage = generalized_advantage(
        row([1.0, 2.0, 3.0]),
        row([10.0, 20.0, 30.0]),
        row([20.0, 30.0, 40.0]),
        row(terminated).bool(),
        row(truncated).bool(),
        gamma=0.5,
        gae_lambda=gae_lambda,
    )
    return advantage.flatten().tolist()


def test_errors_are_discounted_along_the_trace() -> None:
    # Errors: 1 + 10 - 10 = 1, 2 + 15 - 20 = -3, 3 + 20 - 30 = -7; each trace decays by 1/4.
    never = [False] * 3
    assert _advantage(terminated=never, truncated=never, gae_lambda=0.5) == [
        1 + (-3 + -7 / 4) / 4,
        -3 + -7 / 4,
        -7,
    ]


def test_a_truncated_step_still_bootstraps_and_ends_the_trace() -> None:
    advantage = _advantage(terminated=[False] * 3, truncated=[False, True, False], gae_lambda=0.5)
    assert advantage == [1 - 3 / 4, -3, -7]


def test_a_terminated_step_does_not_bootstrap() -> None:
    # The error of the second step is 2 - 20: nothing follows it.
    advantage = _advantage(terminated=[False, True, False], truncated=[False] * 3, gae_lambda=0.5)
    assert advantage == [1 - 18 / 4, -18, -7]


def test_a_constant_critic_gives_discounted_sums_at_lambda_one() -> None:
    ones = torch.ones(1, 4, 1)
    never = torch.zeros(1, 4, 1, dtype=torch.bool)
    last = never.clone()
    last[:, 3] = True
    advantage = generalized_advantage(
        ones, 0 * ones, 0 * ones, last, never, gamma=0.5, gae_lambda=1.0
    )
    assert advantage.flatten().tolist() == [1.875, 1.75, 1.5, 1.0]


def test_shapes_must_agree() -> None:
    x = torch.zeros(1, 2, 3)
    with pytest.raises(ValueError, match="one shape"):
        generalized_advantage(x, x, x[:, :1], x.bool(), x.bool(), gamma=0.9, gae_lambda=0.9)
