"""Whether the trial ledger is whole, and says what database, studies and folders say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cappuccino_assets.errors import IntegrityError, WarehouseError
from cappuccino_assets.reports.search_record import finished_trials
from cappuccino_assets.storage.files import sha256_of_file
from cappuccino_assets.storage.ledger_chain import (
    LedgerLine,
    by_identity,
    difference,
    head,
    read_chain,
    split_lines,
)
from cappuccino_assets.storage.ledger_rows import LedgerKind
from cappuccino_assets.storage.locks import exclusive
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json

_Trial = tuple[str, int]
_RECORDS = ("trial.json", "pruned.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAudit:
    """What was found.

    Attributes:
        path: The ledger's file.
        n_rows: Whole lines in it.
        head: Hash of the last one.
        n_waiting: Trials of unfinished campaigns that ended, and come with the next collection.
        faults: What is wrong, each with its line or its trial.
    """

    path: Path
    n_rows: int
    head: str
    n_waiting: int
    faults: tuple[str, ...]

    def require_whole(self) -> Self:
        """Pass on a ledger without any fault.

        Raises:
            IntegrityError: Names every fault.
        """
        if self.faults:
            raise IntegrityError("\n".join(self.faults))
        return self

    def to_json(self) -> Json:
        """Write as JSON values."""
        return {
            "ledger": str(self.path),
            "whole": not self.faults,
            "n_rows": self.n_rows,
            "head": self.head,
            "n_waiting": self.n_waiting,
            "faults": list(self.faults),
        }


def audit_ledger(warehouse: Warehouse, campaign: str | None = None) -> LedgerAudit:
    """Recompute the chain, and compare the ledger with all that ought to say the same.

    Every line is checked. Where one does not follow from those before it, that is the one fault:
    what stands after it is worth nothing. Trials are then compared with the database's, with the
    studies' and with the digests of what they left on disk. Trials that ended after the last
    collection of an unfinished campaign are waiting; those of a finished one are missing.

    Args:
        warehouse: Holds the ledger.
        campaign: Whose trials to compare; those of all campaigns where None.

    Raises:
        WarehouseError: If there is no ledger, and no database that could miss one.
    """
    layout = warehouse.layout
    if not (layout.ledger.is_file() or layout.database.is_file()):
        raise WarehouseError(f"There is no ledger at {layout.ledger}: `cappuccino run` begins one.")
    with exclusive(layout.ledger_lock):
        data = layout.ledger.read_bytes() if layout.ledger.is_file() else b""
        texts, torn = split_lines(data)
        try:
            copied = TrialLedger(warehouse).copied_lines()
            lines = _chained(texts, copied)
            evidence = _Evidence(warehouse, lines, campaign)
        except IntegrityError as error:
            return _audit(layout.ledger, texts, faults=[str(error)])
        faults = [*_unfinished_end(lines, len(copied), torn), *evidence.faults()]
        return _audit(layout.ledger, texts, lines, faults=faults, n_waiting=evidence.n_waiting)


def _audit(
    path: Path,
    texts: list[str],
    lines: Sequence[LedgerLine] = (),
    *,
    faults: list[str],
    n_waiting: int = 0,
) -> LedgerAudit:
    return LedgerAudit(
        path=path, n_rows=len(texts), head=head(lines), n_waiting=n_waiting, faults=tuple(faults)
    )


def _chained(texts: list[str], copied: list[LedgerLine]) -> list[LedgerLine]:
    if fault := difference(texts, copied):
        raise IntegrityError(fault)
    return read_chain(texts)


def _unfinished_end(lines: list[LedgerLine], n_copied: int, torn: bytes) -> Iterator[str]:
    mended = "the next `cappuccino run` of its campaign mends that, if it was a crash"
    for line in lines[n_copied:]:
        yield f"Line {line.line} of the ledger, {line.row.name}, is not in the warehouse: {mended}."
    if torn:
        yield f"Line {len(lines) + 1} of the ledger is torn: {mended}."


class _Evidence:
    """What else tells of the trials that are in the ledger."""

    def __init__(self, warehouse: Warehouse, lines: Sequence[LedgerLine], campaign: str | None):
        self._warehouse, self._layout, self._campaign = warehouse, warehouse.layout, campaign
        self._trials = {
            (line.row.study_name, line.row.number): line
            for line in by_identity(lines).values()
            if line.row.kind is LedgerKind.TRIAL and campaign in (None, line.row.campaign)
        }
        self._studies = {
            trial: result
            for trial, result in finished_trials(self._layout).items()
            if self._is_asked_for(trial[0])
        }
        has_database = self._layout.database.is_file()
        rows = warehouse.query("unfinished_campaigns").rows() if has_database else []
        self._unfinished = {name for (name,) in rows}

    @property
    def n_waiting(self) -> int:
        """Trials that ended, and are to be collected."""
        missing = self._studies.keys() - self._trials.keys()
        return sum(self._may_be_ahead(study) for study, _ in missing)

    def faults(self) -> Iterator[str]:
        """Say what does not agree."""
        yield from self._against_database()
        yield from self._against_studies()
        yield from self._against_folders()

    def _against_database(self) -> Iterator[str]:
        if not self._layout.database.is_file():
            return
        rows = {
            (row["study_name"], row["number"]): row
            for row in self._warehouse.query("finished_trials").to_dicts()
            if self._is_asked_for(row["study_name"])
        }
        for study, number in sorted(rows.keys() - self._trials.keys()):
            yield _missing(study, number, "the database")
        for trial, line in self._trials.items():
            if trial not in rows:
                yield f"{_place(line)}, is not among the database's trials."
                continue
            said = line.row.to_json() | line.row.outcome
            for name, value in rows[trial].items():
                if said.get(name) != value:
                    yield (
                        f"{_place(line)}: its {name} is {said.get(name)!r}, "
                        f"the database's {value!r}."
                    )

    def _against_studies(self) -> Iterator[str]:
        for trial in sorted(self._studies.keys() - self._trials.keys()):
            if not self._may_be_ahead(trial[0]):
                yield _missing(*trial, "its study")
        for trial, line in self._trials.items():
            outcome = line.row.outcome
            said, result = (outcome["state"], outcome.get("score")), self._studies.get(trial)
            if said != result:
                yield f"{_place(line)}: it is {said}, its study has {result}."

    def _against_folders(self) -> Iterator[str]:
        for (study, number), line in self._trials.items():
            for name, digest in line.row.outcome.get("files", {}).items():
                path = self._layout.trial(study, number) / name
                if not path.is_file():
                    yield f"{_place(line)}: {path} is not there."
                elif sha256_of_file(path) != digest:
                    yield f"{_place(line)}: {path} is not what it was."
        for study, number in sorted(self._on_disk() - self._trials.keys()):
            if self._is_asked_for(study) and not self._may_be_ahead(study):
                yield _missing(study, number, "a folder")

    def _on_disk(self) -> set[_Trial]:
        found = (path for name in _RECORDS for path in self._layout.trials.rglob(name))
        folders = (path.parent.relative_to(self._layout.trials) for path in found)
        return {(str(each.parent), int(each.name)) for each in folders if each.name.isdecimal()}

    def _is_asked_for(self, study: str) -> bool:
        return self._campaign in (None, study.partition("/")[0])

    def _may_be_ahead(self, study: str) -> bool:
        return study.partition("/")[0] in self._unfinished


def _place(line: LedgerLine) -> str:
    return f"Line {line.line} of the ledger, {line.row.name}"


def _missing(study: str, number: int, where: str) -> str:
    return f"Trial {number} of {study} is in {where}, but in no line of the ledger."
