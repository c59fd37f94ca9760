"""Openings of the hold-out: once per finalist and range of bars, on record, and kept."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.evaluation.costs import CostCurve
from cappuccino_assets.evaluation.holdout import Holdout
from cappuccino_assets.evaluation.performance import Performance
from cappuccino_assets.evaluation.placebo import Placebo, PlaceboRank
from cappuccino_assets.evaluation.plain_ledger import LedgerCheck
from cappuccino_assets.evaluation.recording import RecordedTrades
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.registry.finalists import (
    Finalist,
    FinalTest,
    final_test,
    finalist_holdout,
)
from cappuccino_assets.storage.files import (
    new_folder,
    read_object,
    sha256_of,
    sha256_of_file,
    write_json,
    write_parquet,
)
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from cappuccino_assets.storage.locks import exclusive
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse

_TRIAL: Final = ("campaign", "study_name", "number")
_RECORD: Final = "holdout.json"
_CHECKSUMS: Final = "checksums.json"
_TABLES: Final = ("returns", "fills", "books", "placebo")
_FILES: Final = (_RECORD, *(f"{name}.parquet" for name in _TABLES))


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutOpening:
    """A look of one finalist at one range of bars; the same one whenever it is asked for.

    Attributes:
        campaign: Whose finalist it is.
        study_name: The study of its trial.
        number: The trial's number in it.
        vin: The finalist.
        model_sha256: Its weights.
        dataset_digest: The bars.
        interval: Length of a bar.
        begins_at: Open of the first bar of the range, ISO 8601 UTC.
        ends_at: Close of its last bar.
    """

    campaign: str
    study_name: str
    number: int
    vin: str
    model_sha256: str
    dataset_digest: str
    interval: str
    begins_at: str
    ends_at: str

    @property
    def key(self) -> str:
        """What distinguishes it from the trial's other openings: the range of bars."""
        return f"{self.begins_at}/{self.ends_at} {self.interval} {self.dataset_digest}"

    def row(self) -> LedgerRow:
        """Write as a row of the trial ledger, which adds the time of the first look."""
        values = asdict(self)
        identity = {name: values.pop(name) for name in _TRIAL}
        kind = LedgerKind.HOLDOUT_OPENING
        return LedgerRow(kind=kind, **identity, key=self.key, outcome=values)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HoldoutRecord:
    """What an opening showed, as it is kept.

    Attributes:
        opening: Whose, and on which bars.
        performances: By name: the agent first, then its rivals.
        placebo: Agents that traded at random.
        costs: The agent at other costs.
        ledger: The agent's trades, added up by hand.
        returns: One row per block and bar, a column of simple returns for each name and `hodl`.
        trades: The agent's fills and books.
    """

    opening: HoldoutOpening
    performances: dict[str, Performance]
    placebo: Placebo
    costs: CostCurve
    ledger: LedgerCheck
    returns: pl.DataFrame
    trades: RecordedTrades


def open_holdout(
    finalist: Finalist,
    arrays: FeatureArrays,
    holdout_from: datetime,
    warehouse: Warehouse,
) -> HoldoutRecord:
    """Test a finalist on its campaign's hold-out, or read what its test has shown.

    The opening is in the trial ledger before a single bar is looked at. To ask again opens nothing;
    a test that was cut off is made again, and was recorded once.

    Args:
        finalist: Whom to test.
        arrays: All rows of the data set that its campaign searched.
        holdout_from: From which on the campaign saw nothing, UTC.
        warehouse: Holds the ledger, and says where results are kept.

    Raises:
        ContractMismatchError: If the arrays are not what it was trained on.
        IntegrityError: If they were made from other bars, or the ledger or a kept result is
            damaged.
        HistoryTooShortError: If there is no row before the time, or none after it.
        TrialFailedError: If no bar could be traded through.
        ValueError: If a Sharpe ratio is undefined although something was traded.
    """
    layout = warehouse.layout
    holdout = finalist_holdout(finalist, arrays, holdout_from)
    opening = opening_of(finalist, holdout)
    path = holdout_folder(layout, opening)
    with exclusive(layout.holdouts_lock):
        if not path.exists():
            TrialLedger(warehouse).append([opening.row()])
            _write(path, record_of(opening, final_test(finalist.model, holdout)))
        return read_holdout(path, opening)


def holdout_folder(layout: WarehouseLayout, opening: HoldoutOpening) -> Path:
    """Say where the result of an opening is kept."""
    return layout.holdouts / opening.vin / sha256_of(opening.key.encode())[:16]


def opening_of(finalist: Finalist, holdout: Holdout) -> HoldoutOpening:
    """Describe a finalist's look at a hold-out."""
    trial, arrays = finalist.trial, holdout.arrays
    return HoldoutOpening(
        campaign=trial["campaign"],
        study_name=trial["study_name"],
        number=trial["number"],
        vin=finalist.vin,
        model_sha256=finalist.model.sha256,
        dataset_digest=arrays.dataset_digest,
        interval=arrays.interval.value,
        begins_at=holdout.begins_at.isoformat(),
        ends_at=holdout.ends_at.isoformat(),
    )


def record_of(opening: HoldoutOpening, test: FinalTest) -> HoldoutRecord:
    """Describe a test as it would be kept."""
    outcome = test.outcome
    return HoldoutRecord(
        opening=opening,
        performances=dict(outcome.performances),
        placebo=outcome.placebo,
        costs=test.costs,
        ledger=test.ledger,
        returns=outcome.returns_frame(),
        trades=outcome.trades,
    )


def read_holdout(path: Path, opening: HoldoutOpening) -> HoldoutRecord:
    """Read a kept result.

    Args:
        path: Its folder.
        opening: What it must be the result of.

    Raises:
        IntegrityError: If a file is missing or changed, or it is another opening's.
    """
    checksums = read_object(path / _CHECKSUMS)
    for name in _FILES:
        if checksums.get(name) != sha256_of_file(path / name):
            raise IntegrityError(f"{path / name} is not what {_CHECKSUMS} says.")
    record = read_object(path / _RECORD)
    kept = HoldoutOpening(**record["opening"])
    if kept != opening:
        raise IntegrityError(f"{path} keeps the result of {kept}, not of {opening}.")
    returns, fills, books, equity = (pl.read_parquet(path / f"{name}.parquet") for name in _TABLES)
    return HoldoutRecord(
        opening=opening,
        performances={
            each["name"]: Performance.from_json(each["measures"]) for each in record["performances"]
        },
        placebo=Placebo(rank=PlaceboRank.from_json(record["placebo"]), equity=equity),
        costs=CostCurve.from_json(record["costs"]),
        ledger=LedgerCheck(**record["ledger"]),
        returns=returns,
        trades=RecordedTrades(fills=fills, books=books),
    )


def _write(path: Path, record: HoldoutRecord) -> None:
    trades = record.trades
    tables = (record.returns, trades.fills, trades.books, record.placebo.equity)
    with new_folder(path) as folder:
        for name, table in zip(_TABLES, tables, strict=True):
            write_parquet(folder / f"{name}.parquet", table)
        values = {
            "opening": asdict(record.opening),
            "performances": [
                {"name": name, "measures": each.to_json()}
                for name, each in record.performances.items()
            ],
            "placebo": record.placebo.rank.to_json(),
            "costs": record.costs.to_json(),
            "ledger": asdict(record.ledger),
        }
        write_json(folder / _RECORD, values)
        write_json(folder / _CHECKSUMS, {name: sha256_of_file(folder / name) for name in _FILES})
