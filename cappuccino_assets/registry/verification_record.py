"""An archive entry against its own files, its trial, its study and the trial ledger."""

from datetime import UTC, datetime
from typing import Final

import polars as pl

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.evaluation.metrics import max_drawdown, score, sharpe_ratio, total_return
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.registry.differences import (
    require_same,
    require_same_fields,
    require_same_file,
)
from cappuccino_assets.registry.entries import METADATA, RETURNS, ArchiveEntry, verify_entry, vin_of
from cappuccino_assets.registry.grading import GradeThresholds, grade
from cappuccino_assets.registry.models import HYPERPARAMS, MODEL_FILES, Model, read_model
from cappuccino_assets.registry.verification import Case, Found
from cappuccino_assets.storage.files import read_object, sha256_of_file
from cappuccino_assets.storage.ledger_chain import (
    LedgerLine,
    by_identity,
    difference,
    head,
    read_chain,
    split_lines,
)
from cappuccino_assets.storage.ledger_rows import Identity, LedgerKind
from cappuccino_assets.storage.trial_files import read_trial, trial_rows
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.tuning.campaign import Campaign
from cappuccino_assets.tuning.config import trial_config
from cappuccino_assets.tuning.judgement import NO_TRADES
from cappuccino_assets.tuning.ledger_entries import ledger_rows
from cappuccino_assets.tuning.phases import plan_phase2
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.types import FloatArray, Json

Ledger = dict[Identity, LedgerLine]

_STUDY: Final = ("campaign", "phase", "algorithm", "timeframe", "interval", "dataset_digest")
_SECTIONS: Final = ("vin", "splits", "holdout", "costs", "evidence", "retrains", "gate", "compute")
_TIMES: Final = ("started_at", "completed_at")


def metadata(case: Case) -> Found:
    """Read the entry's metadata, whatever its checksum says."""
    value = read_object(case.path / METADATA)
    for name in _SECTIONS:
        if name not in value:
            raise IntegrityError(f"{METADATA} lacks {name!r}: it was never judged so.")
    require_same("vin", value["vin"], case.vin)
    return Found(value=value, text=f"trial {value['number']} of {value['study_name']}")


def entry(case: Case) -> Found:
    """Compare every byte with the checksums, and VIN, grade and gate with each other."""
    verify_entry(case.path)
    return Found(text="every byte as in checksums.json; VIN, grade and gate agree")


def database(case: Case, metadata: Json) -> Found:
    """Compare the entry with its row of the warehouse."""
    rows = case.warehouse.query("archive_entries").filter(vin=case.vin).to_dicts()
    if not rows:
        raise IntegrityError(f"The warehouse has no row of {case.vin}.")
    stored = {name: _iso(value) for name, value in rows[0].items()}
    row = ArchiveEntry(path=case.path, metadata=metadata).row()
    require_same_fields(METADATA, {name: _iso(value) for name, value in row.items()}, stored)
    return Found(text=f"{len(stored)} columns of its row")


def ledger(case: Case) -> Found:
    """Recompute the ledger's chain, and compare it with the database's copy."""
    path = case.layout.ledger
    if not path.is_file():
        raise IntegrityError(f"There is no ledger at {path}.")
    texts, _ = split_lines(path.read_bytes())
    if fault := difference(texts, TrialLedger(case.warehouse).copied_lines()):
        raise IntegrityError(fault)
    lines = read_chain(texts)
    return Found(value=by_identity(lines), text=f"{len(lines)} lines, head {head(lines)[:12]}")


def line_of(lines: Ledger, case: Json, kind: LedgerKind, key: str = "") -> LedgerLine:
    """Find what the ledger says.

    Raises:
        IntegrityError: If it says nothing.
    """
    identity = (case["study_name"], case["number"], kind.value, key)
    if identity not in lines:
        raise IntegrityError(f"The ledger has no {kind} {key!r} of {case['study_name']}.")
    return lines[identity]


def trial(case: Case, metadata: Json, lines: Ledger) -> Found:
    """Compare the entry with its trial's files, and both with the trial's line."""
    folder = case.layout.trial(metadata["study_name"], metadata["number"])
    record = read_trial(folder, study_name=metadata["study_name"], number=metadata["number"])
    require_same_fields(METADATA, metadata, record)
    for name in (*MODEL_FILES, RETURNS):
        require_same_file(name, case.path / name, folder / name)
    line = line_of(lines, metadata, LedgerKind.TRIAL)
    studied = {name: record[name] for name in ("study_name", "number", "params", *_STUDY, *_TIMES)}
    rows = trial_rows([studied | {"state": "COMPLETE", "value": record["score"]}], case.layout)
    (row,) = ledger_rows(rows, case.layout)
    require_same(f"line {line.line} of the ledger", line.row.to_json(), row.to_json())
    return Found(text=f"trial.json, its files and line {line.line} of the ledger say the same")


def rivals(case: Case, metadata: Json, lines: Ledger) -> Found:
    """Compare what all trials of the campaign left with the digests in the ledger."""
    trials = [
        line
        for (_, _, kind, _), line in lines.items()
        if kind == LedgerKind.TRIAL and line.row.campaign == metadata["campaign"]
    ]
    for line in trials:
        folder = case.layout.trial(line.row.study_name, line.row.number)
        for name, digest in line.row.outcome["files"].items():
            found = sha256_of_file(folder / name)
            require_same(f"line {line.line} of the ledger, {name}", digest, found)
    return Found(text=f"{len(trials)} trials left what the ledger says")


def plan(case: Case, metadata: Json) -> Found:
    """Lay out the trial's study again, from its campaign."""
    row = case.warehouse.campaign(metadata["campaign"])
    if row is None:
        raise IntegrityError(f"The warehouse knows no campaign {metadata['campaign']!r}.")
    campaign = Campaign.from_json(row["definition"])
    studies = plan_phase2(campaign, metadata, case.layout.features)
    plans = {each.study_name: each for each in studies}
    if metadata["study_name"] not in plans:
        raise IntegrityError(f"{campaign.name} has no study {metadata['study_name']!r}.")
    found = plans[metadata["study_name"]]
    expected = {name: found.identity[name] for name in _STUDY}
    require_same_fields(METADATA, metadata, expected | {"seed": found.seed_of(metadata["number"])})
    return Found(value=found, text=f"campaign {campaign.name}, profile {campaign.profile}")


def model(case: Case, metadata: Json) -> Found:
    """Read weights, contract and configuration by the digests on record."""
    found = read_model(
        case.path, sha256=metadata["model_sha256"], contract_hash=metadata["contract_hash"]
    )
    return Found(value=found, text=f"weights {found.sha256[:12]}")


def configuration(case: Case, metadata: Json, plan: StudyPlan, model: Model) -> Found:
    """Derive the configuration again from the trial's parameters."""
    derived = trial_config(metadata["params"], plan)
    require_same(HYPERPARAMS, model.config.to_json(), derived.to_json())
    return Found(text=f"{len(metadata['params'])} parameters give it again")


def returns(case: Case, metadata: Json, lines: Ledger) -> Found:
    """Read the test returns that the ledger has the digest of."""
    recorded = line_of(lines, metadata, LedgerKind.TRIAL).row.outcome["files"][RETURNS]
    require_same(RETURNS, sha256_of_file(case.path / RETURNS), recorded)
    frame = pl.read_parquet(case.path / RETURNS)
    return Found(value=frame, text=f"{frame.height:,} returns, as digested in the ledger")


def splits(case: Case, metadata: Json, returns: pl.DataFrame) -> Found:
    """Compute the splits' measures and the score from the test returns."""
    interval, stored = Interval(metadata["interval"]), metadata["splits"]
    groups = returns.partition_by("split", as_dict=True, maintain_order=True)
    measured = {number: frame for (number,), frame in groups.items()}
    require_same("splits of returns.parquet", [each["split"] for each in stored], [*measured])
    for each in stored:
        found = _measures(measured[each["split"]], interval, n_trades=each["n_trades"])
        require_same_fields(f"splits[{each['split']}]", each, found)
    bots, hodls = ([each[name] for each in stored] for name in ("sharpe_bot", "sharpe_hodl"))
    found = {
        "score": score(bots, hodls),
        "sharpe_bot": sum(bots) / len(bots),
        "sharpe_hodl": sum(hodls) / len(hodls),
        "n_bars_evaluated": returns.height,
        "flags": [NO_TRADES] if any(each["no_trades"] for each in stored) else [],
    }
    require_same_fields(METADATA, metadata, found)
    return Found(value=found["score"], text=f"{len(stored)} splits, score {found['score']:+.4f}")


def graded(case: Case, metadata: Json, model: Model, score: float) -> Found:
    """Grade the score again, and name the model again."""
    letter = grade(score, GradeThresholds.from_json(metadata["grade_thresholds"]))
    code = vin_of(
        model.config,
        sha256=model.sha256,
        grade=letter,
        completed_at=metadata["completed_at"],
    )
    found = {
        "grade": letter,
        "below_threshold": score < metadata["minimum_score"],
        "vin": code,
    }
    require_same_fields(METADATA, metadata, found)
    return Found(text=f"grade {letter}")


def _measures(frame: pl.DataFrame, interval: Interval, *, n_trades: int) -> Json:
    bot, hodl = (_column(frame, name) for name in ("bot_return", "hodl_return"))
    traded = bool(bot.any())
    return {
        "sharpe_bot": _sharpe(bot, interval) if n_trades else 0.0,
        "sharpe_hodl": _sharpe(hodl, interval),
        "total_return": total_return(bot),
        "max_drawdown": max_drawdown(bot),
        "n_bars": frame.height,
        "test_groups": sorted(frame["group"].unique().to_list()),
        "no_trades": not traded,
        "n_trades": n_trades if traded else 0,
    }


def _iso(value: object) -> object:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _column(frame: pl.DataFrame, name: str) -> FloatArray:
    values: FloatArray = frame[name].to_numpy()
    return values


def _sharpe(returns: FloatArray, interval: Interval) -> float:
    return sharpe_ratio(returns, bars_per_year=interval.bars_per_year)
