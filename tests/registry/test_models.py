import json
from dataclasses import replace

import pytest

from cappuccino_assets.agents.actions import TRADE_LEVELS
from cappuccino_assets.errors import ContractMismatchError, IntegrityError
from cappuccino_assets.registry.models import read_model
from cappuccino_assets.storage.files import canonical_json, read_json, sha256_of, write_json
from cappuccino_assets.storage.weights import write_weights
from tests.registry.trials import leave_trial, model_contract, random_weights, trial_config


@pytest.fixture
def folder(warehouse):
    leave_trial(warehouse.layout, 0, 0.5)
    return warehouse.layout.trial("c/phase2_ppo", 0)


def read(folder, **recorded):
    trial = read_json(folder / "trial.json")
    record = {"sha256": trial["model_sha256"], "contract_hash": trial["contract_hash"]}
    return read_model(folder, **(record | recorded))


def store_contract(folder, contract):
    """Put another contract in place, in the weights too; return what is then on record."""
    write_json(folder / "contract.json", contract.to_json())
    weights = random_weights(contract, seed=0)
    path = folder / "actor.safetensors"
    sha256 = write_weights(path, weights, contract_hash=contract.hash)
    return {"sha256": sha256, "contract_hash": contract.hash}


def test_a_model_is_read_whole(folder):
    model = read(folder)
    assert model.config == trial_config()
    assert model.contract == model_contract(trial_config())
    assert (model.action_space.kind, model.action_space.n_outputs) == ("continuous", 7)
    assert sorted(model.tensors) == [f"{i}.{part}" for i in range(3) for part in ("bias", "weight")]


def test_a_discrete_model_is_read_whole(warehouse):
    leave_trial(warehouse.layout, 0, 0.5, config=trial_config("ddqn"))
    assert read(warehouse.layout.trial("c/phase2_ddqn", 0)).action_space.n_outputs == 80


@pytest.mark.parametrize("name", ["actor.safetensors", "contract.json", "hyperparams.json"])
def test_incident_20_a_model_without_one_of_its_files_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(IntegrityError, match=f"{name} is not a regular file"):
        read(folder)


def test_incident_20_a_trial_without_a_model_on_record_is_refused(folder):
    with pytest.raises(IntegrityError, match="None is on record"):
        read(folder, sha256=None, contract_hash=None)


def test_incident_22_the_weights_of_another_trial_are_refused(folder, warehouse):
    leave_trial(warehouse.layout, 1, 0.5)
    other = warehouse.layout.trial("c/phase2_ppo", 1)
    (folder / "actor.safetensors").write_bytes((other / "actor.safetensors").read_bytes())
    with pytest.raises(IntegrityError, match="is on record"):
        read(folder)


def test_incident_01_a_changed_contract_is_refused(folder):
    contract = read_json(folder / "contract.json")
    contract["symbols"][2:4] = reversed(contract["symbols"][2:4])
    write_json(folder / "contract.json", contract)
    with pytest.raises(IntegrityError, match=r"contract\.json has the hash"):
        read(folder)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"lookback": 3}, "lookback"),
        ({"clock_bars": None}, "cycle_bars"),
        ({"norm_tech_exp": 1.0}, "norm_tech_exp"),
    ],
)
def test_a_contract_that_is_not_the_configurations_is_refused(folder, change, fault):
    record = store_contract(folder, replace(model_contract(trial_config()), **change))
    with pytest.raises(IntegrityError, match=f"{fault} is .* in the contract"):
        read(folder, **record)


def test_a_contract_without_a_model_part_is_refused(folder):
    contract = model_contract(trial_config()).market_part()
    write_json(folder / "contract.json", contract.to_json())
    with pytest.raises(IntegrityError, match="describes bars, not a model"):
        read(folder, contract_hash=contract.hash)


@pytest.mark.parametrize(
    "described",
    [
        {"kind": "continuous", "n_symbols": 6, "levels": None},
        {"kind": "discrete", "n_symbols": 7, "levels": list(TRADE_LEVELS)},
        {"kind": "discrete", "n_symbols": 7, "levels": list(TRADE_LEVELS), "basket": False},
    ],
)
def test_an_unknown_action_space_is_refused(folder, described):
    contract = replace(model_contract(trial_config()), action_space=described)
    with pytest.raises(ContractMismatchError, match="action_space"):
        read(folder, **store_contract(folder, contract))


@pytest.mark.parametrize("name", ["0.weight", "2.bias"])
def test_weights_of_another_shape_are_refused(folder, name):
    contract = model_contract(trial_config())
    weights = random_weights(contract, seed=0)
    weights[name] = weights[name][1:].contiguous()
    sha256 = write_weights(folder / "actor.safetensors", weights, contract_hash=contract.hash)
    with pytest.raises(IntegrityError, match=f"'{name}' has the shape"):
        read(folder, sha256=sha256)


def test_a_tensor_too_many_is_refused(folder):
    contract = model_contract(trial_config())
    weights = random_weights(contract, seed=0)
    weights["extra"] = weights["0.bias"].clone()
    sha256 = write_weights(folder / "actor.safetensors", weights, contract_hash=contract.hash)
    with pytest.raises(IntegrityError, match="'extra' has the shape"):
        read(folder, sha256=sha256)


def test_a_contract_that_is_no_object_is_refused(folder):
    (folder / "contract.json").write_text(json.dumps([1]))
    with pytest.raises(IntegrityError, match="must hold a JSON object"):
        read(folder)


def test_the_configurations_hash_is_that_of_its_canonical_text(folder):
    text = canonical_json(trial_config().to_json())
    assert read(folder).hyperparams_sha256 == sha256_of(text.encode())


@pytest.mark.parametrize("value", [{}, {"algorithm": "ppo"}, {"algorithm": "ppo", "agent": 5}])
def test_a_configuration_of_another_form_is_refused_by_name(folder, value):
    write_json(folder / "hyperparams.json", value)
    with pytest.raises(IntegrityError, match=r"hyperparams\.json is no configuration"):
        read(folder)


def test_a_contract_of_another_form_is_refused_by_name(folder):
    write_json(folder / "contract.json", {})
    with pytest.raises(IntegrityError, match=r"contract\.json is no contract"):
        read(folder, contract_hash=sha256_of(b"{}"))
