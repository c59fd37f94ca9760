import torch
from torch import nn

from cappuccino_assets.agents.networks import PopulationMLP
from cappuccino_assets.agents.random import MemberRandom


def _population() -> PopulationMLP:
    return PopulationMLP.initialise([5, 8, 8, 2], MemberRandom([1, 2, 3]), output_gain=1.0)


def test_every_member_is_an_ordinary_perceptron() -> None:
    population = _population()
    x = MemberRandom([9, 9, 9]).normal(4, 5)
    for m in range(3):
        tensors = population.member_tensors(m)
        layers: list[nn.Module] = []
        for i in range(3):
            rows, columns = tensors[f"{i}.weight"].shape
            linear = nn.Linear(rows, columns)
            linear.load_state_dict(
                {"weight": tensors[f"{i}.weight"].T, "bias": tensors[f"{i}.bias"]}
            )
            layers += [linear, nn.ReLU()]
        expected = nn.Sequential(*layers[:-1])(x[m])
        torch.testing.assert_close(population(x)[m], expected)


def test_hidden_weights_are_orthogonal_with_gain_root_two() -> None:
    weight = _population().weights[1][0]
    torch.testing.assert_close(weight @ weight.T, 2 * torch.eye(8))


def test_members_read_back_from_their_tensors() -> None:
    population = _population()
    again = PopulationMLP.from_members([population.member_tensors(m) for m in (2, 0)])
    for mine, theirs in zip(again.parameters, population.parameters, strict=True):
        assert torch.equal(mine, theirs[[2, 0]])


def test_a_clone_shares_nothing() -> None:
    population = _population()
    clone = population.clone()
    population.weights[0].zero_()
    assert clone.weights[0].abs().sum() > 0
    clone.copy_from(population)
    assert clone.weights[0].abs().sum() == 0
