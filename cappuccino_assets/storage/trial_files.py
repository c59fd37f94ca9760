"""What trials leave on disk, as rows of the warehouse."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.storage.files import canonical_json, read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.types import Json

_IDENTITY: Final = ("study_name", "number")
_STUDY: Final = ("campaign", "phase", "algorithm", "timeframe", "interval", "dataset_digest")
_RESULT: Final = (
    "seed",
    "score",
    "sharpe_bot",
    "sharpe_hodl",
    "sharpe_hodl_cycled",
    "flags",
    "n_bars_evaluated",
    "n_steps",
    "duration_s",
    "training_s",
    "evaluation_s",
    "model_sha256",
    "contract_hash",
    "code_version",
)
_EFFORT: Final = ("seed", "n_steps", "duration_s", "training_s", "evaluation_s", "code_version")
_TIMES: Final = ("started_at", "completed_at")
_SPLIT: Final = (
    "split",
    "test_groups",
    "sharpe_bot",
    "sharpe_hodl",
    "total_return",
    "max_drawdown",
    "n_bars",
    "n_trades",
    "fees_usd",
    "turnover",
    "no_trades",
)
FINISHED: Final = ("COMPLETE", "PRUNED", "FAIL")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRows:
    """Rows of the tables `trials`, `trial_params` and `trial_splits`.

    Beside them `advice`: where a trial comes from that an advisor proposed, by study and number.
    """

    trials: list[Json]
    params: list[Json]
    splits: list[Json]
    advice: dict[tuple[str, int], Json] = field(default_factory=dict)


def trial_rows(records: Iterable[Json], layout: WarehouseLayout) -> TrialRows:
    """Join a study's record of its trials with the files that complete and pruned ones left.

    Of a pruned one the effort is told, and no result: what its splits were worth half-way stays in
    its own files, where nothing takes it for the end.

    Args:
        records: One per trial: study_name, number, state, value, params, started_at, completed_at
            (datetimes; naive ones are local, as Optuna's are), campaign, phase, algorithm,
            timeframe, interval and dataset_digest; and `advice` of one that was advised. Unfinished
            trials are passed over.
        layout: Where the trials' folders lie.

    Raises:
        IntegrityError: If such a trial left no files, or files that do not fit its record.
    """
    rows = TrialRows(trials=[], params=[], splits=[])
    for record in records:
        if record["state"] not in FINISHED:
            continue
        identity = _pick(record, _IDENTITY)
        if "advice" in record:
            rows.advice[record["study_name"], record["number"]] = record["advice"]
        result = _result(record, layout) if record["state"] == "COMPLETE" else None
        rows.trials.append(_trial(record, result) | _effort(record, layout))
        params = record["params"] if result is None else result["params"]
        rows.params.extend(identity | _param(name, value) for name, value in params.items())
        splits = [] if result is None else result["splits"]
        rows.splits.extend(identity | _pick(split, _SPLIT) for split in splits)
    return rows


def read_trial(folder: Path, *, study_name: str, number: int) -> Json:
    """Read the trial.json of one trial.

    Raises:
        IntegrityError: If it is absent or incomplete, or is another trial's.
    """
    path = folder / "trial.json"
    required = (*_RESULT, *_TIMES, "params", "splits")
    trial = _read(path, (study_name, number), required, state="complete")
    for split in trial["splits"]:
        _require(path, split, _SPLIT)
    return trial


def _read(path: Path, identity: tuple[str, int], required: Iterable[str], *, state: str) -> Json:
    study_name, number = identity
    if not path.is_file():
        raise IntegrityError(f"Trial {number} of {study_name!r} is {state} but left no {path}.")
    trial: Json = read_json(path)
    _require(path, trial, (*_IDENTITY, *_STUDY, *required))
    if (trial["study_name"], trial["number"]) != identity:
        raise IntegrityError(
            f"{path} belongs to trial {trial['number']} of {trial['study_name']!r}, "
            f"not to trial {number} of {study_name!r}."
        )
    return trial


def _result(record: Json, layout: WarehouseLayout) -> Json:
    study_name, number = record["study_name"], record["number"]
    folder = layout.trial(study_name, number)
    result = read_trial(folder, study_name=study_name, number=number)
    _require_study(folder, result, record)
    if result["score"] != record["value"]:
        raise IntegrityError(
            f"{folder}: the score is {result['score']}, but its study says {record['value']}."
        )
    return result


def _effort(record: Json, layout: WarehouseLayout) -> Json:
    if record["state"] != "PRUNED":
        return {}
    folder = layout.trial(record["study_name"], record["number"])
    identity = (record["study_name"], record["number"])
    pruned = _read(folder / "pruned.json", identity, _EFFORT, state="pruned")
    _require_study(folder, pruned, record)
    return _pick(pruned, _EFFORT)


def _require_study(folder: Path, trial: Json, record: Json) -> None:
    for name in _STUDY:
        if trial[name] != record[name]:
            raise IntegrityError(
                f"{folder}: {name} is {trial[name]!r}, but its study says {record[name]!r}."
            )


def _trial(record: Json, result: Json | None) -> Json:
    row = _pick(record, (*_IDENTITY, "state", *_STUDY))
    times = {name: _utc((result or record)[name]) for name in _TIMES}
    if result is None:
        return row | times
    no_trades = any(split["no_trades"] for split in result["splits"])
    return row | times | _pick(result, _RESULT) | {"no_trades": no_trades}


def _param(name: str, value: Any) -> Json:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {
        "parameter": name,
        "value": canonical_json(value),
        "value_number": float(value) if is_number else None,
    }


def _utc(time: datetime | str | None) -> datetime | None:
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    return None if time is None else time.astimezone(UTC)


def _pick(row: Json, keys: Iterable[str]) -> Json:
    return {key: row[key] for key in keys}


def _require(path: Path, row: Json, keys: Iterable[str]) -> None:
    missing = [key for key in keys if key not in row]
    if missing:
        raise IntegrityError(f"{path} lacks {missing[0]!r}.")
