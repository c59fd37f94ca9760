import torch

from cappuccino_assets.agents.random import MemberRandom


def test_a_members_numbers_do_not_depend_on_its_company() -> None:
    together = MemberRandom([5, 6, 7])
    alone = MemberRandom([6])
    for shape in ((4,), (3, 2)):
        assert torch.equal(together.uniform(*shape)[1], alone.uniform(*shape)[0])
    assert torch.equal(together.permutations(9)[1], alone.permutations(9)[0])


def test_seeds_of_any_size_give_different_streams() -> None:
    draws = MemberRandom([0, 1, 2**63, 2**64 - 1]).uniform(1000)
    correlation = torch.corrcoef(draws) - torch.eye(4)
    assert correlation.abs().max() < 0.15


def test_uniform_numbers_are_uniform_and_open() -> None:
    draws = MemberRandom([3]).uniform(200_000)
    assert draws.min() > 0
    assert draws.max() < 1
    counts = torch.histc(draws.float(), bins=10, min=0, max=1)
    assert (counts - 20_000).abs().max() < 5 * (20_000 * 0.9) ** 0.5


def test_normal_numbers_have_unit_variance() -> None:
    draws = MemberRandom([3]).normal(200_000)
    assert abs(draws.mean().item()) < 0.01
    assert abs(draws.var().item() - 1) < 0.02
    assert abs((draws**4).mean().item() - 3) < 0.1


def test_numbers_are_never_drawn_twice() -> None:
    random = MemberRandom([3])
    assert not torch.equal(random.uniform(8), random.uniform(8))


def test_permutations_hold_every_item_once() -> None:
    order = MemberRandom([1, 2]).permutations(50)
    assert torch.equal(order.sort(dim=1).values, torch.arange(50).expand(2, 50))
