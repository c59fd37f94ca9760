"""A verification finds whatever was changed, and names it."""

import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from cappuccino_assets.errors import (
    CappuccinoError,
    DifferenceError,
    VinError,
    WarehouseError,
)
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.market.store import BarStore
from cappuccino_assets.registry import verification_judgement as judged
from cappuccino_assets.registry import verification_market as market
from cappuccino_assets.registry import verification_record as record
from cappuccino_assets.registry import verification_training as training
from cappuccino_assets.registry.entries import CHECKSUMS, METADATA
from cappuccino_assets.registry.finalists import Finalist, final_test, finalist_holdout
from cappuccino_assets.registry.models import Model
from cappuccino_assets.registry.verification import Case, Check, NotDoneError, Verdict
from cappuccino_assets.registry.verifier import verify
from cappuccino_assets.storage.files import read_json, sha256_of_file, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json
from tests.registry.verified import SYMBOLS, ArchivedCampaign, archived_campaign

Damage = Callable[[WarehouseLayout, Path], None]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> ArchivedCampaign:
    return archived_campaign(tmp_path_factory.mktemp("archived"))


@pytest.fixture
def copy(campaign: ArchivedCampaign, tmp_path: Path) -> Case:
    """The same warehouse, to be damaged."""
    root = tmp_path / "warehouse"
    shutil.copytree(campaign.warehouse.layout.root, root)
    return Case(warehouse=Warehouse(WarehouseLayout(root=root)), vin=campaign.vin)


def failures(case: Case) -> dict[str, Check]:
    found = verify(case.warehouse, case.vin)
    return {check.name: check for check in found.failures}


def flip(path: Path, at: float = 0.5) -> None:
    """Change one byte."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def sum_again(entry: Path) -> None:
    """What somebody does who edits an entry and knows of its checksums."""
    names = read_json(entry / CHECKSUMS)
    write_json(entry / CHECKSUMS, {name: sha256_of_file(entry / name) for name in names})


def test_a_whole_entry_holds_and_is_what_training_again_gives(campaign: ArchivedCampaign) -> None:
    before = sorted(campaign.warehouse.layout.root.rglob("*"))
    found = verify(campaign.warehouse, campaign.vin, retrain=True)
    assert [(check.name, check.text) for check in found.failures] == []
    assert {check.verdict for check in found.checks} == {Verdict.HOLDS}
    assert len(found.checks) == 28
    assert sorted(campaign.warehouse.layout.root.rglob("*")) == before


# One byte, anywhere: each is found by what vouches for its file.
def a_bar(layout: WarehouseLayout, entry: Path) -> None:
    flip(layout.bars / "4h.parquet")


def a_weight(layout: WarehouseLayout, entry: Path) -> None:
    flip(entry / "actor.safetensors", at=0.9)


def the_contract(layout: WarehouseLayout, entry: Path) -> None:
    edit(entry / "contract.json", '"warm_up_bars": 250', '"warm_up_bars": 251')


def the_configuration(layout: WarehouseLayout, entry: Path) -> None:
    edit(entry / "hyperparams.json", '"clip_range": 0.2', '"clip_range": 0.3')


def a_return(layout: WarehouseLayout, entry: Path) -> None:
    flip(entry / "returns.parquet")


def a_feature(layout: WarehouseLayout, entry: Path) -> None:
    (path,) = layout.features.glob("*/*/features.npy")
    flip(path)


def a_line(layout: WarehouseLayout, entry: Path) -> None:
    edit(layout.ledger, '"number":1', '"number":2')


def the_trial(layout: WarehouseLayout, entry: Path) -> None:
    path = layout.trials / "small/phase2_ppo/00001/trial.json"
    edit(path, '"n_steps": 1024', '"n_steps": 1025')


def a_rival(layout: WarehouseLayout, entry: Path) -> None:
    flip(layout.trials / "small/phase2_ppo/00000/returns.parquet", at=0.2)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (a_bar, {"bars": "4h.parquet"}),
        (a_weight, {"entry": "actor.safetensors", "model": "actor.safetensors"}),
        (the_contract, {"entry": "contract.json", "model": "contract.json"}),
        (
            the_configuration,
            {"entry": "hyperparams.json", "configuration": "clip_range: 0.3 is stored, but 0.2"},
        ),
        (a_return, {"entry": "returns.parquet", "returns": "returns.parquet"}),
        (a_feature, {"features": "is not what its digest"}),
        (a_line, {"ledger": "Line 2 of the ledger was edited"}),
        (the_trial, {"trial": "n_steps: 1024 is stored, but 1025"}),
        (a_rival, {"trials of the campaign": "line 1 of the ledger, returns.parquet"}),
    ],
)
def test_one_changed_byte_is_found_and_named(
    copy: Case, damage: Damage, named: dict[str, str]
) -> None:
    damage(copy.layout, copy.path)
    found = failures(copy)
    for check, text in named.items():
        assert text in found[check].text


# Changes by somebody who sums the entry up again: then it is the numbers that must agree.
def edited(names: tuple[str, ...], value: Any) -> Damage:
    def damage(layout: WarehouseLayout, entry: Path) -> None:
        metadata = read_json(entry / METADATA)
        _set(metadata, names, value)
        write_json(entry / METADATA, metadata)
        sum_again(entry)

    return damage


def summed_again(other: Damage) -> Damage:
    def damage(layout: WarehouseLayout, entry: Path) -> None:
        other(layout, entry)
        sum_again(entry)

    return damage


def other_bars(layout: WarehouseLayout, entry: Path) -> None:
    """One close, a ten-thousandth higher, in a file that is whole."""
    store = BarStore(folder=layout.bars)
    bars = store.read(Interval.H4, SYMBOLS)
    close = bars.frame["close"].to_list()
    close[1_000] *= 1.0001
    high = pl.max_horizontal("high", "close")
    frame = bars.frame.with_columns(close=pl.Series(close)).with_columns(high=high)
    store.write(replace(bars, frame=frame), source="simulated")


def another_seed(layout: WarehouseLayout, entry: Path) -> None:
    flip(layout.retrains / "trials/small/phase2_ppo/seed_2/00001/returns.parquet")


def a_kept_return(layout: WarehouseLayout, entry: Path) -> None:
    (folder,) = (layout.holdouts / entry.name).iterdir()
    frame = pl.read_parquet(folder / "returns.parquet")
    row = pl.int_range(pl.len()) == 7
    changed = frame.with_columns(agent=pl.when(row).then(0.01).otherwise("agent"))
    changed.write_parquet(folder / "returns.parquet")
    sum_again(folder)


@pytest.mark.parametrize(
    ("damage", "check", "named"),
    [
        (other_bars, "bars", "digest of the bars"),
        (summed_again(a_weight), "model", "actor.safetensors has the SHA-256"),
        (summed_again(the_contract), "model", "contract.json has the hash"),
        (summed_again(a_return), "returns", "returns.parquet"),
        (edited(("grade",), "S"), "entry", "grade is S"),
        (edited(("gated",), True), "entry", "says gated: True"),
        (edited(("params", "clip_range"), 0.3), "configuration", "clip_range"),
        (another_seed, "decision on record", "files.returns.parquet"),
        (a_kept_return, "kept hold-out", "returns, row 7, agent: 0.01 is stored"),
    ],
)
def test_a_change_that_is_summed_up_again_is_found_and_named(
    copy: Case, damage: Damage, check: str, named: str
) -> None:
    damage(copy.layout, copy.path)
    assert named in failures(copy)[check].text


@pytest.fixture(scope="module")
def findings(campaign: ArchivedCampaign) -> dict[str, Any]:
    """What the checks of a whole entry find, to hold changed metadata against."""
    case = Case(warehouse=campaign.warehouse, vin=campaign.vin)
    metadata = record.metadata(case).value
    lines, plan = record.ledger(case).value, record.plan(case, metadata).value
    model = record.model(case, metadata).value
    features = market.features(case, market.bars(case, metadata, plan).value).value
    traded = judged.traded(case, metadata, model, features, plan).value
    rows = judged.retrained(case, metadata, plan).value
    return {
        "case": case,
        "finalist": Finalist(vin=case.vin, trial=metadata, model=model),
        "metadata": metadata,
        "lines": lines,
        "plan": plan,
        "features": features,
        "judgement": judged.judged(case, metadata, model, traded, rows, lines).value,
    }


COMPARED = {
    "holdout": judged.holdout,
    "costs": judged.costs,
    "evidence": lambda *found: (judged.campaign(*found), judged.trial_evidence(*found)),
    "retrains": judged.retrains,
    "gate": judged.gate,
    "gated": judged.gate,
    "gate_reason": judged.gate,
}


@pytest.mark.parametrize("section", COMPARED)
def test_every_value_of_what_was_found_is_compared(findings: dict[str, Any], section: str) -> None:
    case, metadata, judgement = (findings[name] for name in ("case", "metadata", "judgement"))
    paths = [path for path in _leaves(metadata) if path[0] == section]
    assert paths
    for path in paths:
        changed = metadata | {path[0]: deepcopy(metadata[path[0]])}
        _set(changed, path, _other(_get(metadata, path)))
        with pytest.raises(DifferenceError) as raised:
            COMPARED[section](case, changed, judgement)
        assert str(path[-1]) in raised.value.what


def test_every_other_value_is_the_trials_or_follows_from_it(findings: dict[str, Any]) -> None:
    case, metadata, lines = (findings[name] for name in ("case", "metadata", "lines"))
    chosen = ("grade_thresholds", "minimum_score")  # by whoever archived; a checksum holds them
    for path in _leaves(metadata):
        if path[0] in (*COMPARED, *chosen):
            continue
        changed = metadata | {path[0]: deepcopy(metadata[path[0]])}
        _set(changed, path, _other(_get(metadata, path)))
        assert _found_by_a_record(case, changed, lines), path


def _found_by_a_record(case: Case, metadata: Json, lines: record.Ledger) -> bool:
    try:
        record.trial(case, metadata, lines)
        record.database(case, metadata)
    except (CappuccinoError, ValueError):
        return True
    return False


def test_another_training_is_found(findings: dict[str, Any]) -> None:
    case, metadata, plan, features = (
        findings[name] for name in ("case", "metadata", "plan", "features")
    )
    params = metadata["params"] | {"gamma": 0.97}
    with pytest.raises(DifferenceError) as raised:
        training.trained(case, metadata | {"params": params}, plan, features)
    assert raised.value.what == f"{METADATA}.model_sha256"


def test_where_the_machine_is_another_training_again_proves_nothing(
    findings: dict[str, Any],
) -> None:
    case, metadata, plan, features = (
        findings[name] for name in ("case", "metadata", "plan", "features")
    )
    there = metadata | {"compute": metadata["compute"] | {"device_name": "x86_64 OTHER"}}
    with pytest.raises(NotDoneError, match="device_name was 'x86_64 OTHER' there"):
        training.trained(case, there, plan, features)


def test_the_hold_out_is_traded_alike_on_any_number_of_threads(findings: dict[str, Any]) -> None:
    cut = finalist_holdout(
        findings["finalist"], findings["features"], findings["plan"].holdout_from
    )
    wide = _widened(findings["finalist"].model, 1_024)  # of which threads share the sums
    results = []
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        results.append(final_test(wide, cut).outcome.returns_frame())
        assert torch.get_num_threads() == n_threads
    torch.set_num_threads(1)
    assert (results[0]["agent"] != 0).any()
    assert results[0].equals(results[1])


def test_bars_that_came_later_change_nothing(copy: Case) -> None:
    store = BarStore(folder=copy.layout.bars)
    bars = store.read(Interval.H4, SYMBOLS)
    last = bars.frame.filter(timestamp=bars.end)
    later = last.with_columns(pl.col("timestamp") + timedelta(hours=4))
    both = pl.concat([bars.frame, later])
    frame = pl.concat([both.filter(symbol=symbol) for symbol in SYMBOLS])
    store.write(replace(bars, frame=frame), source="simulated")
    assert failures(copy) == {}


def test_what_is_no_entry_is_refused(campaign: ArchivedCampaign) -> None:
    with pytest.raises(VinError):
        verify(campaign.warehouse, "../trials")
    with pytest.raises(WarehouseError, match="has no entry"):
        verify(campaign.warehouse, "PPO-A-N128B1K-L2.5E5G98.5-LB5TD20-20260214-3f9a1c")


def _widened(model: Model, n_units: int) -> Model:
    """A model of random weights, whose hidden layers are this wide."""
    random = torch.Generator().manual_seed(0)
    narrow = model.config.agent.net_dimension
    sizes = {
        name: [n_units if size == narrow else size for size in tensor.shape]
        for name, tensor in model.tensors.items()
    }
    tensors = {name: 0.1 * torch.randn(*size, generator=random) for name, size in sizes.items()}
    return replace(model, tensors=tensors)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        names = list(value) if isinstance(value, dict) else list(range(len(value)))
        is_long = isinstance(value, list) and len(value) > 10  # dozens of logits
        for name in (names[0], names[-1]) if is_long else names:
            yield from _leaves(value[name], (*path, name))
    else:
        yield path


def _get(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def _set(value: Any, path: tuple[Any, ...], leaf: Any) -> None:
    _get(value, path[:-1])[path[-1]] = leaf


def _other(value: Any) -> Any:
    """The nearest other value of its kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return value + 1e-12 if value == 0 else value * (1 + 1e-15)
    if isinstance(value, int):
        return value + 1
    return "x" if value is None else f"{value}x"
