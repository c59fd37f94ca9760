import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cappuccino_assets.errors import CheckpointMismatchError, IntegrityError
from cappuccino_assets.training.checkpoints import CheckpointFolder
from cappuccino_assets.training.library_random import library_random_state, restore_library_random

IDENTITY = {"config": "a", "members": "b", "code": "1"}
STATE = {"weights": torch.randn(3, 4), "flag": torch.tensor([True]), "count": torch.tensor(2**40)}


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(path=tmp_path / "checkpoints", identity=IDENTITY)


def test_a_state_comes_back_bit_for_bit(folder: CheckpointFolder) -> None:
    assert folder.latest() is None

    folder.write(512, STATE)

    checkpoint = folder.latest()
    assert checkpoint is not None
    assert checkpoint.step == 512
    assert checkpoint.state.keys() == STATE.keys()
    for name, tensor in checkpoint.state.items():
        assert tensor.dtype == STATE[name].dtype
        assert torch.equal(tensor, STATE[name])


def test_only_the_latest_is_kept_and_nothing_after_removal(folder: CheckpointFolder) -> None:
    for step in (9, 512, 100_000):
        folder.write(step, STATE)
        assert [path.name for path in folder.path.iterdir()] == [f"{step:012d}"]

    folder.remove()
    folder.remove()  # there is nothing any more

    assert not folder.path.exists()
    assert folder.latest() is None


def test_a_folder_that_was_never_finished_is_no_checkpoint(folder: CheckpointFolder) -> None:
    folder.write(256, STATE)
    half = folder.path / ".000000000512.abc.tmp"
    half.mkdir()
    (half / "state.safetensors").write_bytes(b"cut")

    checkpoint = folder.latest()
    assert checkpoint is not None
    assert checkpoint.step == 256
    folder.write(768, STATE)
    assert not half.exists()


def test_of_two_the_later_one_counts(folder: CheckpointFolder) -> None:
    folder.write(256, STATE)
    kept = folder.path.rename(folder.path.with_name("aside"))
    folder.write(1024, STATE)
    (kept / "000000000256").rename(folder.path / "000000000256")  # killed before it was removed

    checkpoint = folder.latest()
    assert checkpoint is not None
    assert checkpoint.step == 1024


@pytest.mark.parametrize("field", IDENTITY)
def test_the_checkpoint_of_another_training_is_refused_by_name(
    folder: CheckpointFolder, field: str
) -> None:
    folder.write(512, STATE)
    other = CheckpointFolder(path=folder.path, identity=IDENTITY | {field: "other"})

    with pytest.raises(CheckpointMismatchError, match=f"its {field} differs") as refused:
        other.latest()
    assert refused.value.field == field


def test_a_part_has_a_folder_and_an_identity_of_its_own(folder: CheckpointFolder) -> None:
    part = folder.of_part("members_000_003", members="c")
    part.write(512, STATE)

    assert folder.latest() is None
    assert part.identity["members"] == "c"
    assert part.identity["config"] == "a"
    with pytest.raises(CheckpointMismatchError, match="members"):
        folder.of_part("members_000_003").latest()


@pytest.mark.parametrize("name", ["state.safetensors", "checkpoint.json"])
def test_a_file_that_is_cut_or_changed_or_absent_is_refused(
    folder: CheckpointFolder, name: str
) -> None:
    folder.write(512, STATE)
    path = folder.path / f"{512:012d}" / name
    data = path.read_bytes()

    path.write_bytes(data[:-7])
    with pytest.raises(IntegrityError, match=name):
        folder.latest()
    if name == "state.safetensors":
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(IntegrityError, match="is not what"):
            folder.latest()
    path.unlink()
    with pytest.raises(IntegrityError, match=name):
        folder.latest()


def test_a_checkpoint_that_lacks_a_field_is_refused(folder: CheckpointFolder) -> None:
    folder.write(512, STATE)
    path = folder.path / f"{512:012d}" / "checkpoint.json"
    stored = json.loads(path.read_text())
    del stored["sha256"]
    path.write_text(json.dumps(stored))

    with pytest.raises(IntegrityError, match="lacks 'sha256'"):
        folder.latest()


def test_the_generators_of_every_library_are_put_back(folder: CheckpointFolder) -> None:
    def draw() -> tuple[float, ...]:
        own = np.random.random()  # noqa: NPY002 - the global generator is the matter
        return random.random(), random.gauss(0, 1), float(own), float(torch.rand(()))

    random.gauss(0, 1)  # of a pair, the second one is remembered
    folder.write(512, STATE)
    first = draw()
    checkpoint = folder.latest()
    assert checkpoint is not None

    assert draw() != first
    restore_library_random(checkpoint.library_random)
    assert draw() == first
    assert json.loads(json.dumps(library_random_state())) == library_random_state()


def test_a_gpu_that_nobody_uses_is_not_woken_for_its_generator() -> None:
    code = (
        "import sys, torch\n"
        "from cappuccino_assets.training.library_random import library_random_state\n"
        "ran = set()\n"
        "sys.setprofile(lambda frame, *_: ran.add(frame.f_code.co_filename))\n"
        "library_random_state()\n"
        "sys.setprofile(None)\n"
        "assert not torch.cuda.is_initialized()\n"
        "assert torch.random.__file__ in ran\n"
        "assert torch.cuda.random.__file__ not in ran\n"  # where there is no GPU to be woken
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
