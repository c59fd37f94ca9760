"""A model on disk: weights, contract and configuration, read together and held together."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from torch import Tensor

from cappuccino_assets.agents.actions import ActionSpace
from cappuccino_assets.errors import CappuccinoError, ContractMismatchError, IntegrityError
from cappuccino_assets.features.contract import FeatureContract
from cappuccino_assets.features.scaling import Scaler
from cappuccino_assets.storage.files import canonical_json, read_object, sha256_of
from cappuccino_assets.storage.weights import read_weights
from cappuccino_assets.tuning.config import TrialConfig
from cappuccino_assets.types import Json

WEIGHTS: Final = "actor.safetensors"
CONTRACT: Final = "contract.json"
HYPERPARAMS: Final = "hyperparams.json"
MODEL_FILES: Final = (WEIGHTS, CONTRACT, HYPERPARAMS)
_ACTION_KINDS: Final = ("continuous", "discrete")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """One policy that can act.

    Args:
        tensors: Its weights by name.
        contract: How it must be fed, with its model part.
        scaler: Of that contract.
        action_space: Of that contract: what the outputs mean.
        config: What its trial was run with.
        sha256: Of the weights file.
        hyperparams_sha256: Of the configuration's canonical JSON.
    """

    tensors: Mapping[str, Tensor]
    contract: FeatureContract
    scaler: Scaler
    action_space: ActionSpace
    config: TrialConfig
    sha256: str
    hyperparams_sha256: str


def read_model(folder: Path, *, sha256: str, contract_hash: str) -> Model:
    """Read a model that must be the one on record.

    Args:
        folder: Where its three files lie.
        sha256: Of its weights.
        contract_hash: Of its feature contract.

    Raises:
        IntegrityError: If a file is absent, damaged or another one's, or the three do not fit.
        ContractMismatchError: If the weights were made for another contract.
    """
    contract = _read_contract(folder / CONTRACT, contract_hash)
    if contract.scaler is None or contract.action_space is None:
        raise IntegrityError(f"{folder / CONTRACT} describes bars, not a model.")
    hyperparams = read_object(folder / HYPERPARAMS)
    model = Model(
        tensors=read_weights(folder / WEIGHTS, sha256=sha256, contract_hash=contract_hash),
        contract=contract,
        scaler=contract.scaler,
        action_space=_action_space(contract.action_space, n_symbols=len(contract.symbols)),
        config=_read_config(folder / HYPERPARAMS, hyperparams),
        sha256=sha256,
        hyperparams_sha256=sha256_of(canonical_json(hyperparams).encode()),
    )
    _check_configuration(folder, model)
    _check_shapes(folder / WEIGHTS, model)
    return model


def _read_contract(path: Path, contract_hash: str) -> FeatureContract:
    value = read_object(path)
    found = sha256_of(canonical_json(value).encode())
    if found != contract_hash:
        raise IntegrityError(f"{path} has the hash {found}, but {contract_hash} is on record.")
    try:
        return FeatureContract.from_json(value)
    except (CappuccinoError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{path} is no contract: {error}") from error


def _read_config(path: Path, hyperparams: Json) -> TrialConfig:
    try:
        return TrialConfig.from_json(hyperparams)
    except (CappuccinoError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"{path} is no configuration: {error}") from error


def _check_configuration(folder: Path, model: Model) -> None:
    contract, config = model.contract, model.config
    pairs = {
        "symbols": (contract.symbols, config.rules.symbols),
        "lookback": (contract.lookback, config.lookback),
        "norm_tech_exp": (contract.norm_tech_exp, config.norm_tech_exp),
        "cycle_bars": (contract.clock_bars, config.rules.cycle_bars),
    }
    for name, (fed, trained) in pairs.items():
        if fed != trained:
            raise IntegrityError(
                f"{folder}: {name} is {fed} in the contract, but {trained} in the configuration."
            )


def _check_shapes(path: Path, model: Model) -> None:
    n_layers = sum(name.endswith(".weight") for name in model.tensors)
    hidden = [model.config.agent.net_dimension] * (n_layers - 1)
    sizes = [model.contract.observation_size, *hidden, model.action_space.n_outputs]
    expected: dict[str, tuple[int, ...]] = {}
    for layer, (n_inputs, n_outputs) in enumerate(pairwise(sizes)):
        expected[f"{layer}.weight"] = (n_inputs, n_outputs)
        expected[f"{layer}.bias"] = (n_outputs,)
    found = {name: tuple(tensor.shape) for name, tensor in model.tensors.items()}
    for name in sorted(expected | found):
        if found.get(name) != expected.get(name):
            raise IntegrityError(
                f"{path}: {name!r} has the shape {found.get(name)}, but a model of this contract "
                f"and configuration has {expected.get(name)}."
            )


def _action_space(described: Json, *, n_symbols: int) -> ActionSpace:
    for kind in _ACTION_KINDS:
        space = ActionSpace(kind=kind, n_symbols=n_symbols)
        if space.to_json() == described:
            return space
    raise ContractMismatchError(
        "action_space", expected=f"one of {n_symbols} symbols", found=described
    )
