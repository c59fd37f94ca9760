import pytest
import torch

from cappuccino_assets.envs.reward import RewardConfig
from cappuccino_assets.training.compute import Precision
from cappuccino_assets.training.precision import multiplied_with
from cappuccino_assets.training.trainer import PopulationTraining, TrainedPopulation
from tests.envs.environments import costly_rules
from tests.training.populations import AGENTS, ARRAYS, N_STEPS, members

CPU = torch.device("cpu")


def _product(precision: Precision) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(1, 256, 256, generator=generator) for _ in range(2))
    with multiplied_with(precision, CPU):
        return torch.bmm(a, b)


def _has_bfloat16() -> bool:
    return not torch.equal(_product("float32"), _product("reduced"))


def test_float32_is_what_torch_does_by_itself() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(1, 256, 256, generator=generator) for _ in range(2))
    assert torch.equal(_product("float32"), torch.bmm(a, b))


def test_reduced_products_round_their_factors_and_nothing_afterwards() -> None:
    if not _has_bfloat16():
        pytest.skip("This processor multiplies float32 whatever it is asked for.")
    exact, reduced = _product("float32"), _product("reduced")
    # Each factor is rounded to 8 bits: 256 products of relative error 2^-8 or less add up.
    assert (exact - reduced).abs().max() < 256**0.5 * 2**-8 * 4
    assert torch.equal(_product("float32"), exact)


def _trained(precision: Precision) -> TrainedPopulation:
    return PopulationTraining(
        ARRAYS,
        members(1, 2),
        agent=AGENTS["ppo"],
        rules=costly_rules(ARRAYS, cycle_bars=12),
        reward=RewardConfig(),
        lookback=2,
        norm_tech_exp=0.0,
        break_step=N_STEPS,
        precision=precision,
    ).complete()


def test_a_training_multiplies_with_the_precision_it_is_given() -> None:
    if not _has_bfloat16():
        pytest.skip("This processor multiplies float32 whatever it is asked for.")
    exact, reduced, again = (_trained(each) for each in ("float32", "reduced", "float32"))
    weights = [each.policy.member_tensors(0)["1.weight"] for each in (exact, reduced, again)]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])  # nothing is left behind


def test_an_error_leaves_the_precision_as_it_was() -> None:
    before = _product("float32")
    with pytest.raises(ZeroDivisionError), multiplied_with("reduced", CPU):
        _ = 1 / 0
    assert torch.equal(_product("float32"), before)
