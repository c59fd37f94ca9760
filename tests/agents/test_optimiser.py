import pytest
import torch

from cappuccino_assets.agents.optimiser import PopulationAdam, rate_factor
from cappuccino_assets.agents.random import MemberRandom


def _tensors() -> list[torch.Tensor]:
    random = MemberRandom([1, 2])
    return [random.normal(3, 4), random.normal(1, 4)]


def _loss(tensors: list[torch.Tensor]) -> torch.Tensor:
    return sum((((t - 1) ** 4).sum() for t in tensors), torch.tensor(0.0))


def _member_losses(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack([_loss([t[m] for t in tensors]) for m in (0, 1)])


def test_each_member_moves_as_if_adam_had_it_alone() -> None:
    population = _tensors()
    adam = PopulationAdam(population, learning_rate=0.01, epsilon=1e-7, max_grad_norm=0.5)
    singles = [[t[m].clone().requires_grad_() for t in _tensors()] for m in (0, 1)]
    oracles = [torch.optim.Adam(tensors, lr=0.01, eps=1e-7) for tensors in singles]
    for _ in range(5):
        adam.minimise(_member_losses(population), rate_factor=1.0)
        for tensors, oracle in zip(singles, oracles, strict=True):
            oracle.zero_grad()
            _loss(tensors).backward()
            torch.nn.utils.clip_grad_norm_(tensors, 0.5)
            oracle.step()
    for m in (0, 1):
        for mine, theirs in zip(population, singles[m], strict=True):
            torch.testing.assert_close(mine[m], theirs, rtol=1e-5, atol=1e-6)


def test_an_inactive_member_stands_still() -> None:
    population = _tensors()
    adam = PopulationAdam(population, learning_rate=0.01, epsilon=1e-7, max_grad_norm=0.5)
    before = [t.detach().clone() for t in population]
    adam.minimise(_member_losses(population), rate_factor=1.0, active=torch.tensor([True, False]))
    for now, then in zip(population, before, strict=True):
        assert not torch.equal(now[0], then[0])
        assert torch.equal(now[1], then[1])


def test_schedules_fall_from_one_to_the_factor() -> None:
    assert [rate_factor("linear", 0.2, p) for p in (0.0, 0.5, 1.0)] == [
        1.0,
        0.6,
        pytest.approx(0.2),
    ]
    assert [rate_factor("exponential", 0.25, p) for p in (0.0, 0.5, 1.0)] == [1.0, 0.5, 0.25]


def test_an_unknown_schedule_is_named() -> None:
    with pytest.raises(ValueError, match=r"linear, exponential.*cosine"):
        rate_factor("cosine", 0.2, 0.5)  # type: ignore[arg-type]
