"""k steps, a halt, and the rest are the whole training, bit for bit."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from cappuccino_assets.training.checkpoints import CheckpointFolder
from cappuccino_assets.training.trainer import PopulationTraining
from tests.training.populations import AGENTS, N_STEPS, members, population, same

ROOT = Path(__file__).parents[2]
HALT = 512
ALGORITHMS = pytest.mark.parametrize("algorithm", ["ppo", "ddqn"])


def begun(algorithm: str, *, steps: int) -> PopulationTraining:
    training = population(AGENTS[algorithm], members(1, 2))
    training.advance(steps)
    return training


def digest(training: PopulationTraining) -> str:
    digested = hashlib.sha256()
    for name, tensor in sorted(training.state_dict().items()):
        digested.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digested.hexdigest()


def finished_from_file(algorithm: str, folder: str) -> str:
    """Go on from a checkpoint to the end; returns the digest of everything."""
    training = begun(algorithm, steps=0)
    checkpoint = CheckpointFolder(path=Path(folder), identity={}).latest()
    assert checkpoint is not None
    training.load_state_dict(checkpoint.state)
    training.advance(N_STEPS)
    return digest(training)


@ALGORITHMS
def test_a_halt_alone_changes_nothing(algorithm: str) -> None:
    through = begun(algorithm, steps=N_STEPS)
    halted = begun(algorithm, steps=HALT)
    assert halted.n_done == HALT
    assert not same(halted, through)
    halted.advance(N_STEPS)
    assert same(halted, through)


@ALGORITHMS
def test_what_is_halted_goes_on_in_another_object(algorithm: str) -> None:
    through = begun(algorithm, steps=N_STEPS)
    halted = begun(algorithm, steps=HALT)
    state = halted.state_dict()

    halted.advance(N_STEPS)  # a copied state is nobody else's
    other = begun(algorithm, steps=256)
    other.load_state_dict(state)
    assert other.n_done == HALT
    other.advance(N_STEPS)

    assert same(other, through)
    assert other.outcome().curve == through.outcome().curve


@ALGORITHMS
def test_what_is_halted_goes_on_from_files_in_another_process(
    algorithm: str, tmp_path: Path
) -> None:
    halted = begun(algorithm, steps=HALT)
    CheckpointFolder(path=tmp_path, identity={}).write(HALT, halted.state_dict())
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from tests.training.test_resume import finished_from_file\n"
        f"print(finished_from_file({algorithm!r}, {str(tmp_path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest(begun(algorithm, steps=N_STEPS))
    assert finished_from_file(algorithm, str(tmp_path)) == done.stdout.strip()


@ALGORITHMS
def test_a_state_that_lacks_anything_is_refused(algorithm: str) -> None:
    training = begun(algorithm, steps=HALT)
    state = training.state_dict()
    for missing in state:
        if not missing.startswith("training.curve."):  # of which there may be any number
            rest = {name: tensor for name, tensor in state.items() if name != missing}
            with pytest.raises(KeyError):
                training.load_state_dict(rest)
