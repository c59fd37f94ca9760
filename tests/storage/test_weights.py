import pickle

import pytest
import safetensors.torch
import torch

from cappuccino_assets.errors import ContractMismatchError, IntegrityError
from cappuccino_assets.storage.files import sha256_of, sha256_of_file
from cappuccino_assets.storage.weights import read_weights, write_weights

HASH = "cd" * 32
TENSORS = {"0.weight": torch.arange(6.0).view(2, 3), "0.bias": torch.tensor([0.5, -1.0, 2.0])}


def stored(folder, data):
    path = folder / "actor.safetensors"
    path.write_bytes(data)
    return path


def read(path, contract_hash=HASH):
    return read_weights(path, sha256=sha256_of_file(path), contract_hash=contract_hash)


def test_weights_read_back_bit_for_bit(tmp_path):
    path = tmp_path / "actor.safetensors"
    assert write_weights(path, TENSORS, contract_hash=HASH) == sha256_of_file(path)
    back = read(path)
    assert sorted(back) == ["0.bias", "0.weight"]
    assert all(torch.equal(back[name], tensor) for name, tensor in TENSORS.items())


def test_equal_weights_make_equal_files(tmp_path):
    first = write_weights(tmp_path / "a", TENSORS, contract_hash=HASH)
    by_column = TENSORS["0.weight"].t().contiguous().t()
    other = {"0.bias": TENSORS["0.bias"].clone().requires_grad_(), "0.weight": by_column}
    assert write_weights(tmp_path / "b", other, contract_hash=HASH) == first


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (self.target, "w"))


@pytest.mark.parametrize(
    "save",
    [
        lambda bomb, path: path.write_bytes(pickle.dumps(bomb)),
        lambda bomb, path: torch.save({"0.weight": bomb}, path),
    ],
)
def test_incident_41_a_pickle_is_refused_and_not_executed(tmp_path, save):
    path, proof = tmp_path / "actor.safetensors", tmp_path / "executed"
    save(Bomb(str(proof)), path)
    with pytest.raises(IntegrityError, match="no safetensors"):
        read(path)
    assert not proof.exists()


@pytest.mark.parametrize("kept", [0, 4, 8, 40, -1])
def test_a_file_cut_off_is_refused(tmp_path, kept):
    whole = safetensors.torch.save(TENSORS, metadata={"contract_hash": HASH})
    with pytest.raises(IntegrityError, match="no safetensors"):
        read(stored(tmp_path, whole[:kept]))


def test_a_header_longer_than_the_file_is_refused(tmp_path):
    whole = safetensors.torch.save(TENSORS, metadata={"contract_hash": HASH})
    with pytest.raises(IntegrityError, match="no safetensors"):
        read(stored(tmp_path, (2**60).to_bytes(8, "little") + whole[8:]))


def test_incident_22_other_weights_are_refused(tmp_path):
    path = tmp_path / "actor.safetensors"
    write_weights(path, TENSORS, contract_hash=HASH)
    with pytest.raises(IntegrityError, match="is on record"):
        read_weights(path, sha256=sha256_of(b"another trial's"), contract_hash=HASH)


def test_incident_01_weights_of_another_contract_are_refused(tmp_path):
    path = tmp_path / "actor.safetensors"
    write_weights(path, TENSORS, contract_hash=HASH)
    with pytest.raises(ContractMismatchError, match="contract_hash"):
        read(path, contract_hash="ef" * 32)


def test_weights_without_a_contract_are_refused(tmp_path):
    with pytest.raises(ContractMismatchError, match="found None"):
        read(stored(tmp_path, safetensors.torch.save(TENSORS)))


@pytest.mark.parametrize(
    ("tensor", "fault"),
    [
        (torch.tensor([float("nan")]), "'0.bias' holds values that are not finite"),
        (torch.tensor([float("inf")]), "'0.bias' holds values that are not finite"),
        (torch.tensor([1.0], dtype=torch.float64), "'0.bias' must be float32"),
        (torch.tensor([1]), "'0.bias' must be float32"),
    ],
)
def test_values_that_no_network_has_are_neither_written_nor_read(tmp_path, tensor, fault):
    with pytest.raises(IntegrityError, match=fault):
        write_weights(tmp_path / "new", {"0.bias": tensor}, contract_hash=HASH)
    data = safetensors.torch.save({"0.bias": tensor}, metadata={"contract_hash": HASH})
    with pytest.raises(IntegrityError, match=fault):
        read(stored(tmp_path, data))
    assert not (tmp_path / "new").exists()


def test_a_link_is_refused(tmp_path):
    write_weights(tmp_path / "elsewhere", TENSORS, contract_hash=HASH)
    (tmp_path / "actor.safetensors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match="not a regular file"):
        read(tmp_path / "actor.safetensors")


def test_absent_weights_are_an_error(tmp_path):
    with pytest.raises(IntegrityError, match="not a regular file"):
        read_weights(tmp_path / "actor.safetensors", sha256="ab" * 32, contract_hash=HASH)
