"""Trainings stay on their device: proved on one that is not there."""

import pytest
import torch

from cappuccino_assets.agents.ppo import PPOConfig
from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.training.devices import choose_device, describe_device
from cappuccino_assets.training.trainer import PopulationTraining
from tests.training.fake_device import FAR, FarTensor
from tests.training.populations import AGENTS, N_STEPS, members, population

ALGORITHMS = pytest.mark.parametrize("algorithm", ["ppo", "ddqn"])
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


def trained(algorithm: str, device: torch.device) -> PopulationTraining:
    training = population(AGENTS[algorithm], members(1, 2), device=device)
    FarTensor.waits.clear()  # what is waited for at the start is waited for once
    training.advance(N_STEPS)
    return training


@ALGORITHMS
def test_a_training_elsewhere_is_the_same_and_everything_of_it_is_there(algorithm: str) -> None:
    far = trained(algorithm, FAR).state_dict()
    near = trained(algorithm, torch.device("cpu")).state_dict()

    for name, tensor in near.items():
        if isinstance(far[name], FarTensor):
            assert torch.equal(far[name].near, tensor), name
        else:
            assert tensor.dim() == 0, f"{name} is no counter, but stayed here"


def test_ppo_waits_for_its_device_once_a_minibatch_and_once_a_rollout() -> None:
    config = AGENTS["ppo"]
    assert isinstance(config, PPOConfig)
    n_rollouts = N_STEPS // config.target_step
    n_minibatches = config.ppo_epochs * -(-config.target_step // config.batch_size)

    trained("ppo", FAR)

    waits = dict(FarTensor.waits)
    uploads = waits.pop("copy to the device")  # learning rates and discounts
    assert set(waits) == {"nonzero"}
    assert n_rollouts < waits["nonzero"] <= n_rollouts * (n_minibatches + 1)
    assert uploads <= n_rollouts * (n_minibatches + 1)


def test_ddqn_never_waits_for_its_device() -> None:
    trained("ddqn", FAR)

    assert set(FarTensor.waits) == {"copy to the device"}  # epsilons, rates and discounts


@ALGORITHMS
def test_an_outcome_is_read_from_the_device_at_the_end(algorithm: str) -> None:
    far, near = trained(algorithm, FAR), trained(algorithm, torch.device("cpu"))

    assert far.outcome().curve == near.outcome().curve
    for name, tensor in near.outcome().policy.member_tensors(1).items():
        assert torch.equal(far.outcome().policy.member_tensors(1)[name].cpu(), tensor)


@pytest.mark.parametrize("read", ["item", "bool", "nonzero", "mask", "cpu", "numpy"])
def test_the_device_that_is_not_there_sees_every_wait(read: str) -> None:
    x = torch.tensor([0.0, 1.0], device=FAR)
    waits = {
        "item": lambda: x[1].item(),
        "bool": lambda: bool((x > 0).any()),
        "nonzero": lambda: x.nonzero(),
        "mask": lambda: x[x > 0],
        "cpu": lambda: x.cpu(),
        "numpy": lambda: x.cpu().numpy(),
    }
    FarTensor.waits.clear()
    waits[read]()
    assert sum(FarTensor.waits.values()) == 1


def test_what_was_made_here_cannot_be_used_there() -> None:
    x = torch.tensor([0.0, 1.0], device=FAR)
    with pytest.raises(RuntimeError, match="two devices"):
        x + torch.tensor([1.0, 2.0])
    assert isinstance(x + torch.tensor(1.0), FarTensor)  # a number may be
    with pytest.raises(RuntimeError, match="numpy"):
        x.numpy()


@without_gpu
def test_a_gpu_that_is_asked_for_but_absent_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match=r"finds no GPU.*CAPPUCCINO_DEVICE"):
        choose_device("cuda")
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")


def test_what_computed_is_described() -> None:
    described = describe_device(torch.device("cpu"), "float32")

    assert described["device"] == "cpu"
    assert described["torch"] == torch.__version__
    assert described["n_threads"] == torch.get_num_threads()
    assert described["device_name"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_training_on_a_gpu_is_near_the_one_on_the_processor() -> None:
    gpu = population(AGENTS["ppo"], members(1, 2), device=choose_device("cuda"))
    cpu = population(AGENTS["ppo"], members(1, 2))
    for training in (gpu, cpu):
        training.advance(256)
    for name, tensor in cpu.state_dict().items():
        if not name.startswith("training"):
            torch.testing.assert_close(gpu.state_dict()[name].cpu(), tensor, rtol=1e-3, atol=1e-3)
