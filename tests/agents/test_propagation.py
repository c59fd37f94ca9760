import pytest
import torch
from torch import Tensor

from cappuccino_assets.agents.architecture import Architecture
from cappuccino_assets.agents.propagation import Propagation
from cappuccino_assets.agents.random import MemberRandom

CPU = torch.device("cpu")
SHAPE = Architecture(n_inputs=5, net_dimension=8, heads=(3, 1), n_free=3)


def _parameters() -> Tensor:
    values = SHAPE.initialise(MemberRandom([1, 2]), gains=(0.5, 1.0))
    noise = MemberRandom([3, 4]).normal(values.shape[1]) * 0.1
    weights = SHAPE.views(noise)
    weights.output.mul_(SHAPE.connections(CPU))  # no trunk reaches another's head
    return values + noise


def _plain(values: Tensor, x: Tensor) -> Tensor:
    """All heads, layer by layer and head by head, for autograd."""
    weights = SHAPE.views(values)
    outputs = []
    for head in range(2):
        trunk, columns = SHAPE.trunk(head), SHAPE.columns(head)
        hidden = torch.relu(x @ weights.input[..., trunk] + weights.input_bias[..., trunk])
        hidden = torch.relu(hidden @ weights.hidden[head] + weights.hidden_bias[..., trunk])
        outputs.append(
            hidden @ weights.output[:, trunk, columns] + weights.output_bias[..., columns]
        )
    return torch.cat(outputs, dim=2)


def test_all_heads_are_plain_perceptrons() -> None:
    values, x = _parameters(), MemberRandom([5, 6]).normal(7, 5)
    propagation = Propagation(SHAPE, CPU)
    expected = _plain(values, x)
    output = propagation.forward(SHAPE.views(values), x)
    torch.testing.assert_close(output[..., :4], expected)
    assert output.shape == (2, 7, 16)
    for head, columns in enumerate((slice(0, 3), slice(3, 4))):
        torch.testing.assert_close(
            propagation.head(SHAPE.views(values), x, head), expected[..., columns]
        )
        torch.testing.assert_close(SHAPE.perceptron(values, head)(x), expected[..., columns])


@pytest.mark.parametrize("sizes", [(7,), (4, 3)])
def test_the_backward_pass_is_autograds(sizes: tuple[int, ...]) -> None:
    values, x = _parameters().requires_grad_(), MemberRandom([5, 6]).normal(7, 5)
    by_output = MemberRandom([7, 8]).normal(7, 4)
    (expected,) = torch.autograd.grad((_plain(values, x) * by_output).sum(), values)
    propagation, found = Propagation(SHAPE, CPU), torch.zeros_like(values)
    padded = torch.nn.functional.pad(by_output, (0, 12))
    weights = SHAPE.views(values.detach())
    for part, by in zip(x.split(sizes, dim=1), padded.split(sizes, dim=1), strict=True):
        propagation.forward(weights, part)
        propagation.backward(weights, part, by, onto=SHAPE.views(found))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_hidden_weights_are_orthogonal_with_gain_root_two() -> None:
    weights = SHAPE.views(SHAPE.initialise(MemberRandom([1, 2, 3]), gains=(0.5, 1.0)))
    hidden = weights.hidden[1][1]
    torch.testing.assert_close(hidden @ hidden.T, 2 * torch.eye(8))
    head = weights.output[1, SHAPE.trunk(0), SHAPE.columns(0)]
    torch.testing.assert_close(head.T @ head, 0.25 * torch.eye(3))


def test_scratch_is_handed_out_again_under_its_name() -> None:
    take = Propagation(SHAPE, CPU).take
    first = take("a", 2, 3).fill_(1.0)
    assert take("b", 2, 3).data_ptr() != first.data_ptr()
    assert take("a", 3).data_ptr() == first.data_ptr()
    assert take("a", 100).shape == (100,)
