import torch
from torch import nn

from cappuccino_assets.agents.architecture import Architecture
from cappuccino_assets.agents.networks import PopulationMLP
from cappuccino_assets.agents.random import MemberRandom


def _population() -> PopulationMLP:
    shape = Architecture(n_inputs=5, net_dimension=8, heads=(2,))
    return shape.perceptron(shape.initialise(MemberRandom([1, 2, 3]), gains=(1.0,)), 0)


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


def test_members_read_back_from_their_tensors() -> None:
    population = _population()
    again = PopulationMLP.from_members([population.member_tensors(m) for m in (2, 0)])
    for name, tensor in again.member_tensors(0).items():
        assert torch.equal(tensor, population.member_tensors(2)[name])
    assert population.member_tensors(2)["2.weight"].shape == (8, 2)


def test_a_member_answers_alone_as_it_does_in_company() -> None:
    population, x = _population(), MemberRandom([9, 9, 9]).normal(4, 5)
    for m in range(3):
        alone = PopulationMLP.from_members([population.member_tensors(m)])
        assert torch.equal(alone(x[m : m + 1])[0], population(x)[m])
