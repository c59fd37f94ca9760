"""A training that is killed, or lacks memory, comes to its end all the same."""

import json
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from cappuccino_assets.agents.ppo import PPOConfig
from cappuccino_assets.agents.propagation import MICRO_BATCH
from cappuccino_assets.errors import CheckpointMismatchError, InfrastructureError
from cappuccino_assets.training.checkpoints import CheckpointFolder
from cappuccino_assets.training.resilient import Resilience, ResilientTraining
from cappuccino_assets.training.trainer import MemberPlan, PopulationTraining, TrainedPopulation
from tests.training.narrow import Narrow, NarrowInTheEnd
from tests.training.populations import AGENTS, N_STEPS, members, population

ROOT = Path(__file__).parents[2]
ALGORITHMS = pytest.mark.parametrize("algorithm", ["ppo", "ddqn"])
SEEDS = (1, 2, 3)
CPU = torch.device("cpu")
IDENTITY = {"code": "1", "config": "a", "precision": "float32", "torch": "2"}


def resilient(
    build: Narrow, folder: Path, *, every: int | None = None, **environment: str
) -> ResilientTraining:
    checkpoints = CheckpointFolder(path=folder, identity=IDENTITY | environment)
    return ResilientTraining(
        build,
        members(*SEEDS),
        batch_size=96,
        device=CPU,
        resilience=Resilience(checkpoints=checkpoints, every=every),
    )


def whole(algorithm: str, *, until: int = N_STEPS) -> TrainedPopulation:
    training = population(AGENTS[algorithm], members(*SEEDS))
    training.advance(until)
    return training.outcome()


def assert_same(one: TrainedPopulation, other: TrainedPopulation) -> None:
    assert one.n_steps == other.n_steps
    assert one.curve == other.curve
    for member in range(len(SEEDS)):
        theirs = other.policy.member_tensors(member)
        for name, tensor in one.policy.member_tensors(member).items():
            assert torch.equal(tensor, theirs[name])


@ALGORITHMS
def test_with_room_enough_it_is_a_training_like_any_other(algorithm: str, tmp_path: Path) -> None:
    training = resilient(Narrow(algorithm), tmp_path / "none")
    training.advance(300)
    training.advance(training.n_steps)

    assert_same(training.outcome(), whole(algorithm))
    assert training.events == []
    assert not (tmp_path / "none").exists()  # nothing is written without need


@ALGORITHMS
def test_what_was_killed_goes_on_from_its_last_checkpoint(algorithm: str, tmp_path: Path) -> None:
    killed = resilient(Narrow(algorithm), tmp_path, every=300)
    killed.advance(700)  # the checkpoint is that of the first step at or after 600
    again = resilient(Narrow(algorithm), tmp_path, every=300)

    (event,) = again.events
    assert event["event"] == "continued"
    assert 600 <= event["step"] <= 768
    again.advance(N_STEPS)
    assert_same(again.outcome(), whole(algorithm))


def test_what_goes_on_finds_the_generators_of_every_library_as_they_were(tmp_path: Path) -> None:
    def draw() -> tuple[float, ...]:
        own = np.random.random()  # noqa: NPY002 - the global generator is the matter
        return random.random(), float(own), float(torch.rand(()))

    resilient(Narrow("ppo"), tmp_path, every=256).advance(512)
    first = draw()  # the checkpoint was the last that happened
    assert draw() != first

    resilient(Narrow("ppo"), tmp_path, every=256)

    assert draw() == first


@ALGORITHMS
@pytest.mark.parametrize("n_members", [1, 2])
def test_a_population_in_parts_is_the_same_bit_for_bit(
    algorithm: str, n_members: int, tmp_path: Path
) -> None:
    # The micro-batch is as small as the ladder makes it before the population is divided.
    training = resilient(Narrow(algorithm, n_members=n_members), tmp_path)
    training.advance(400)
    training.advance(N_STEPS)

    assert_same(training.outcome(), whole(algorithm))
    assert [event["n_parts"] for event in training.events] == [2, 3][: 3 - n_members]
    assert {event["event"] for event in training.events} == {"out_of_memory"}


def test_parts_that_were_killed_go_on_each_from_its_own_checkpoint(tmp_path: Path) -> None:
    build = Narrow("ppo", n_members=1)
    resilient(build, tmp_path, every=256).advance(512)
    again = resilient(build, tmp_path, every=256)
    again.advance(N_STEPS)

    assert_same(again.outcome(), whole("ppo"))
    assert {"event": "continued", "step": 512} in again.events


@ALGORITHMS
@pytest.mark.parametrize(("n_failures", "every"), [(1, None), (1, 300), (2, None)])
def test_an_outcome_without_room_is_still_that_of_the_whole_training(
    algorithm: str, n_failures: int, every: int | None, tmp_path: Path
) -> None:
    build = NarrowInTheEnd(algorithm, n_failures=n_failures)
    training = resilient(build, tmp_path, every=every)
    training.advance(700)
    training.advance(N_STEPS)

    assert_same(training.outcome(), whole(algorithm))
    assert [event["n_parts"] for event in training.events] == [2, 3][:n_failures]


def test_an_outcome_without_room_part_of_the_way_is_that_of_its_step(tmp_path: Path) -> None:
    training = resilient(NarrowInTheEnd("ppo", n_failures=1), tmp_path, every=256)
    training.advance(400)

    assert_same(training.outcome(), whole("ppo", until=400))
    training.advance(N_STEPS)
    assert_same(training.outcome(), whole("ppo"))


def test_parts_that_are_not_equally_far_are_not_joined(tmp_path: Path) -> None:
    build = Narrow("ppo", n_members=1)
    resilient(build, tmp_path).advance(768)
    shutil.rmtree(tmp_path / "members_002_003")
    again = resilient(build, tmp_path)
    again.advance(256)

    with pytest.raises(RuntimeError, match=r"parts have done \[768, 768, 256\]"):
        again.outcome()


def test_memory_that_suffices_for_nothing_is_the_machines_failure(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="one member at a time"):
        resilient(Narrow("ppo", n_members=0), tmp_path)


@pytest.mark.parametrize(
    ("field", "other"), [("code", "2"), ("precision", "reduced"), ("torch", "3")]
)
def test_a_checkpoint_of_another_environment_is_dismissed_and_that_is_told(
    field: str, other: str, tmp_path: Path
) -> None:
    resilient(Narrow("ppo"), tmp_path, every=256).advance(512)
    upgraded = resilient(Narrow("ppo"), tmp_path, every=256, **{field: other})

    (event,) = upgraded.events
    assert (event["event"], event["field"]) == ("checkpoint_of_other_environment", field)
    assert f"its {field} differs" in event["reason"]
    upgraded.advance(N_STEPS)
    assert_same(upgraded.outcome(), whole("ppo"))


def test_the_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    resilient(Narrow("ppo"), tmp_path, every=256).advance(512)
    other = CheckpointFolder(path=tmp_path, identity=IDENTITY | {"config": "b"})

    with pytest.raises(CheckpointMismatchError, match="its config differs"):
        ResilientTraining(
            Narrow("ppo"),
            members(*SEEDS),
            batch_size=96,
            device=CPU,
            resilience=Resilience(checkpoints=other, every=None),
        )


@ALGORITHMS
def test_smaller_passes_learn_the_same_but_for_rounding(algorithm: str) -> None:
    large, small = (
        population(AGENTS[algorithm], members(*SEEDS), micro_batch=size) for size in (96, 16)
    )
    for training in (large, small):
        training.advance(256)
    one, other = large.state_dict(), small.state_dict()
    torch.testing.assert_close(
        one["training.agent.values"], other["training.agent.values"], rtol=1e-4, atol=1e-5
    )
    assert torch.equal(one["training.agent.n_steps"], other["training.agent.n_steps"])


def limited(mib: int, folder: str) -> str:
    """Train eight members of width 512 in so much more memory; returns what happened.

    Their weights, gradients and moments are about 100 MiB, and activations another 100.
    """
    agent = PPOConfig(net_dimension=512, batch_size=2048, target_step=2048, ppo_epochs=1)
    population(agent, members(1)).advance(1)  # loads what lies in the address space anyway
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + mib * 2**20, resource.RLIM_INFINITY))

    def build(
        plans: Sequence[MemberPlan], *, device: torch.device, micro_batch: int
    ) -> PopulationTraining:
        return population(agent, plans, device=device, micro_batch=micro_batch)

    checkpoints = CheckpointFolder(path=Path(folder), identity={})
    training = ResilientTraining(
        build,
        members(*range(1, 9)),
        batch_size=2048,
        device=CPU,
        resilience=Resilience(checkpoints=checkpoints, every=None),
    )
    training.advance(training.n_steps)
    assert training.outcome().policy.n_members == 8
    return json.dumps(training.events)


def run_limited(mib: int, folder: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from tests.training.test_resilient import limited\n"
        f"print(limited({mib}, {str(folder)!r}))"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_where_memory_really_ends_passes_shrink(tmp_path: Path) -> None:
    done = run_limited(200, tmp_path)

    assert done.returncode == 0, done.stderr
    events = json.loads(done.stdout)
    assert [event["micro_batch"] for event in events] == [
        MICRO_BATCH // 2**halved for halved in range(1, len(events) + 1)
    ]
    assert events
    assert "tried to allocate" in events[0]["reason"]
    assert {event["n_parts"] for event in events} == {1}


@pytest.mark.slow
def test_where_memory_ends_sooner_the_population_is_divided(tmp_path: Path) -> None:
    done = run_limited(80, tmp_path)

    assert done.returncode == 0, done.stderr
    events = json.loads(done.stdout)
    assert events[-1]["n_parts"] > 1
    assert events[-1]["micro_batch"] == 64


@pytest.mark.slow
def test_where_memory_suffices_for_nothing_the_machine_is_blamed(tmp_path: Path) -> None:
    done = run_limited(20, tmp_path)

    assert done.returncode == 1
    assert "InfrastructureError: Memory does not suffice for one member at a time" in done.stderr
