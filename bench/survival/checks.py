"""What must hold of a search however often it was struck."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.survival.standing import COUNTED, FINISHED, Identity, Trial, n_counted
from cappuccino_assets.errors import CappuccinoError
from cappuccino_assets.reports.ledger_audit import audit_ledger
from cappuccino_assets.storage.files import read_json, sha256_of_file
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_files import read_trial
from cappuccino_assets.storage.warehouse import Warehouse

RETRIES = 3
N_AHEAD = 4
Outcomes = Mapping[Identity, Sequence[Any]]


@dataclass(slots=True, kw_only=True)
class Faults:
    """What was found wrong, by rule."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    mislabelled: list[str] = field(default_factory=list)
    left_running: list[str] = field(default_factory=list)
    outlived: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in self.__slots__}

    def all(self) -> list[str]:
        return [f"{name}: {text}" for name in self.__slots__ for text in getattr(self, name)]


class Watcher:
    """Holds a struck search against what it said before, and against one that was left alone.

    Args:
        layout: Of the struck search.
        expected: Outcome of every trial of the one that was left alone.
        n_trials: Target of each study.
    """

    def __init__(self, layout: WarehouseLayout, expected: Outcomes, n_trials: int):
        self._layout, self._expected, self._n_trials = layout, expected, n_trials
        self._finished: dict[Identity, list[Any]] = {}
        self.faults = Faults()

    def look(self, trials: Sequence[Trial]) -> None:
        """Check what must hold at every moment."""
        for identity, n in Counter(trial.identity for trial in trials).items():
            if n > 1:
                self.faults.doubled.append(f"{identity} is there {n} times")
        now = {t.identity: t for t in trials}
        for identity, outcome in self._finished.items():
            if identity not in now:
                self.faults.lost.append(f"{identity} was told, and is gone")
            elif now[identity].outcome != outcome:
                self.faults.mislabelled.append(f"{identity} was told anew")
        for trial in now.values():
            if trial.state in FINISHED and trial.identity not in self._finished:
                self._finished[trial.identity] = trial.outcome
                self._check_told(trial, now)
        for study_name in {trial.study_name for trial in trials}:
            if (n := n_counted(trials, study_name)) > self._n_trials:
                self.faults.doubled.append(f"{study_name} has {n} of {self._n_trials} trials")

    def look_at_end(self, trials: Sequence[Trial]) -> None:
        """Check what must hold once a run says that it is done."""
        for study_name in sorted({study_name for study_name, _ in self._expected}):
            if (n := n_counted(trials, study_name)) < self._n_trials:
                self.faults.lost.append(f"{study_name} ended with {n} of {self._n_trials}")
        for trial in trials:
            if trial.state not in FINISHED:
                self.faults.left_running.append(f"{trial.identity} is {trial.state}")
        self.faults.other += [*folder_faults(self._layout, trials)]
        self.faults.other += [*collection_faults(self._layout, trials)]

    def _check_told(self, trial: Trial, now: Mapping[Identity, Trial]) -> None:
        if trial.state == "FAIL":
            if len(trial.attributes.get("given_up", [])) <= RETRIES:
                self.faults.mislabelled.append(f"{trial.identity} failed before its last try")
            return
        if _is_after_a_failed_one(trial, now.values()):
            return
        if trial.outcome != self._expected.get(trial.identity):
            self.faults.mislabelled.append(
                f"{trial.identity} is {trial.outcome[:2]}, left alone it is "
                f"{self._expected.get(trial.identity, [None, None])[:2]}"
            )
        file = "trial.json" if trial.state == "COMPLETE" else "pruned.json"
        if not (self._layout.trial(*trial.identity) / file).is_file():
            self.faults.lost.append(f"{trial.identity} was told, but left no {file}")


def n_given_up(trials: Sequence[Trial]) -> int:
    """Trials that failed because they were struck too often."""
    return sum(trial.state == "FAIL" for trial in trials)


def n_vain_tries(trials: Sequence[Trial]) -> int:
    """Tries that ended with the process, or with what the machine lacked."""
    return sum(len(trial.attributes.get("given_up", [])) for trial in trials)


def folder_faults(layout: WarehouseLayout, trials: Sequence[Trial]) -> Iterator[str]:
    """Compare folders with the trials that count, and verify what is in them."""
    counted = {str(layout.trial(*t.identity)): t for t in trials if t.state in COUNTED}
    found = {str(path) for path in layout.trials.glob("*/*/*") if path.is_dir()}
    yield from (f"{folder} belongs to no trial" for folder in sorted(found - set(counted)))
    yield from (f"{folder} is missing" for folder in sorted(set(counted) - found))
    if left := [path for path in (layout.root / "checkpoints").rglob("*") if path.is_file()]:
        yield f"checkpoints are left: {left[0]} and {len(left) - 1} more"
    for trial in counted.values():
        if trial.state == "COMPLETE":
            yield from _complete_faults(layout, trial)


def _complete_faults(layout: WarehouseLayout, trial: Trial) -> Iterator[str]:
    folder = layout.trial(*trial.identity)
    try:
        record = read_trial(folder, study_name=trial.study_name, number=trial.number)
    except CappuccinoError as error:
        yield str(error)
        return
    if record["score"] != trial.value:
        yield f"{folder} says {record['score']}, its study {trial.value}"
    model = record["model_sha256"]
    if model is not None and model != sha256_of_file(folder / "actor.safetensors"):
        yield f"{folder} holds another model than it says"


def collection_faults(layout: WarehouseLayout, trials: Sequence[Trial]) -> Iterator[str]:
    """Compare ledger and database with the trials."""
    warehouse = Warehouse(layout)
    yield from audit_ledger(warehouse).faults
    ended = {(*t.identity, t.state, _score_of(t)) for t in trials if t.state in FINISHED}
    for table in ("trials", "trial_ledger"):
        sql = f"SELECT study_name, number, state, score FROM {table}"
        rows = warehouse.query(sql).rows()
        if len(rows) != len(set(rows)) or set(rows) != ended:
            yield f"{table} has {len(rows)} rows, which are not the {len(ended)} trials that ended"


def _score_of(trial: Trial) -> float | None:
    """What a pruned one was worth half-way is no score."""
    return trial.value if trial.state == "COMPLETE" else None


def collected(layout: WarehouseLayout) -> dict[str, Any]:
    """What must not change when nothing is left to do."""
    warehouse = Warehouse(layout)
    tables = ("trials", "trial_params", "trial_splits", "ledger_lines")
    rows = {name: warehouse.query(f"SELECT * FROM {name} ORDER BY ALL").rows() for name in tables}
    return rows | {"ledger": layout.ledger.read_bytes()}


def _is_after_a_failed_one(trial: Trial, others: Iterator[Trial] | Any) -> bool:
    """Whether it was asked knowing of a trial that was given up, which one left alone never is."""
    return any(
        other.state == "FAIL"
        and other.study_name == trial.study_name
        and other.number + N_AHEAD <= trial.number
        for other in others
    )


def read_outcomes(file: Any) -> Outcomes:
    """Read what `bench.kills` kept of the search that was left alone."""
    return {(name, number): outcome for name, number, outcome in read_json(file)["trials"]}
