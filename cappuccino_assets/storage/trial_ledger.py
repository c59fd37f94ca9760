"""The trial ledger: whatever was tried, once and for ever, in the order in which it was known."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import polars as pl

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.storage.files import (
    append_bytes,
    canonical_json,
    cut_file,
    sha256_of,
    write_bytes,
)
from cappuccino_assets.storage.ledger_chain import (
    LedgerLine,
    by_identity,
    difference,
    extended,
    read_chain,
    split_lines,
)
from cappuccino_assets.storage.ledger_rows import Identity, LedgerRow
from cappuccino_assets.storage.locks import LOCK_TIMEOUT_S, exclusive
from cappuccino_assets.storage.trial_files import TrialRows
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json

_NO_TRIALS: Final = TrialRows(trials=[], params=[], splits=[])


class TrialLedger:
    """An append-only file of chained lines, the truth, and its copy in the warehouse's database.

    The copy is what counts and queries read, and what the file is held against: a chain alone
    cannot tell that its end is missing.

    Args:
        warehouse: Holds the copy, and says where the file lies.
        lock_timeout_s: How long to wait for another process that appends.
    """

    def __init__(self, warehouse: Warehouse, *, lock_timeout_s: float = LOCK_TIMEOUT_S):
        self._warehouse, self._layout = warehouse, warehouse.layout
        self._lock_timeout_s = lock_timeout_s

    def append(self, rows: Sequence[LedgerRow], trials: TrialRows = _NO_TRIALS) -> int:
        """Record what is not recorded yet, in the file first and then in the database.

        A process that dies on the way leaves a file that is ahead of the database, or ends in a
        torn line; the next one to append copies what is ahead, and moves a torn line away.

        Args:
            rows: What happened, in this order.
            trials: Rows for the database's tables of trials, written in the same transaction.

        Returns:
            How many rows are new.

        Raises:
            IntegrityError: If a row is recorded already with another outcome, or the ledger is not
                whole; then nothing is written.
            WarehouseError: If another process appends for too long.
        """
        with exclusive(self._layout.ledger_lock, timeout_s=self._lock_timeout_s):
            copied = self.copied_lines()
            lines = self._whole_lines(copied)
            known = by_identity(lines)
            fresh = [row for row in rows if not _is_known(row, known)]
            new = extended(lines, fresh, recorded_at=datetime.now(UTC))
            by_identity([*lines, *new])
            if new:
                append_bytes(self._layout.ledger, _rendered(new))
            ahead = [_copy(line) for line in [*lines, *new][len(copied) :]]
            tables = (trials.trials, trials.params, trials.splits)
            if ahead or any(tables):
                self._warehouse.ingest(*tables, ledger_lines=ahead)
        return len(new)

    def copied_lines(self) -> list[LedgerLine]:
        """Read the database's copy.

        Raises:
            IntegrityError: If a line of it cannot be read.
        """
        if not self._layout.database.is_file():
            return []
        rows = self._warehouse.query("ledger_lines").iter_rows()
        lines = [LedgerLine.read(*row) for row in rows]
        if any(line.line != place for place, line in enumerate(lines, start=1)):
            raise IntegrityError("The warehouse's copy of the ledger lacks a line.")
        return lines

    def lineage(self, campaign: str) -> list[str]:
        """Name a campaign and those that it was narrowed from, the nearest first."""
        ancestors = self._warehouse.query("campaign_ancestors", {"campaign": campaign})
        return [campaign, *ancestors["campaign"]]

    def n_trials(self, campaign: str) -> int:
        """Count the trials of a campaign's lineage that ever ended, pruned and failed ones too.

        It is what the best one is the best of: what a search was narrowed around was chosen among
        the trials of an earlier one. Retrains, openings and decisions are no trials.
        """
        campaigns = {"campaigns": self.lineage(campaign)}
        return int(self._warehouse.query("n_trials", campaigns).item())

    def trial_sharpes(self, campaign: str) -> pl.DataFrame:
        """Read the annualised Sharpe ratios of the complete trials of a campaign's whole lineage.

        Returns:
            study_name, number, sharpe_bot and sharpe_hodl (means over splits), and sharpe_excess,
            of the returns above buy and hold, each bar's the mean over its paths.
        """
        return self._warehouse.query("trial_sharpes", {"campaigns": self.lineage(campaign)})

    def _whole_lines(self, copied: Sequence[LedgerLine]) -> list[LedgerLine]:
        path = self._layout.ledger
        data = path.read_bytes() if path.is_file() else b""
        texts, torn = split_lines(data)
        if fault := difference(texts, copied):
            raise IntegrityError(f"{path}: {fault}")
        lines = read_chain(texts)
        if torn:
            write_bytes(self._layout.torn_line(sha256_of(torn)), torn)
            cut_file(path, len(data) - len(torn))
        return lines


def _is_known(row: LedgerRow, known: dict[Identity, LedgerLine]) -> bool:
    line = known.get(row.identity)
    if line is None:
        return False
    before, now = _fields(line.row), _fields(row)
    for field in sorted(before | now):
        if canonical_json(before.get(field)) != canonical_json(now.get(field)):
            raise IntegrityError(
                f"The ledger's line {line.line} is {row.name}: its {field} is "
                f"{before.get(field)!r}, and cannot become {now.get(field)!r}."
            )
    return True


def _fields(row: LedgerRow) -> Json:
    return row.outcome | {"campaign": row.campaign}


def _rendered(lines: Sequence[LedgerLine]) -> bytes:
    return "".join(f"{line.render()}\n" for line in lines).encode()


def _copy(line: LedgerLine) -> Json:
    return {"line": line.line, "hash": line.hash, "content": line.content}
