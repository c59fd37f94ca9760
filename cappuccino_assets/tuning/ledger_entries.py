"""What the ledger says of a trial: its outcome, and the digests of what it left."""

import json
from collections import defaultdict
from typing import Final

import polars as pl

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.evaluation.metrics import sharpe_ratio
from cappuccino_assets.evaluation.return_matrix import bar_returns
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.storage.files import sha256_of_file
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from cappuccino_assets.storage.trial_files import TrialRows
from cappuccino_assets.types import Json

_RETURNS: Final = "returns.parquet"
_ByTrial = dict[tuple[str, int], Json]
_EVIDENCE: Final = {
    "COMPLETE": ("trial.json", _RETURNS),
    "PRUNED": ("pruned.json",),
    "FAIL": (),
}
OUTCOME: Final = (
    "state",
    "phase",
    "algorithm",
    "timeframe",
    "interval",
    "dataset_digest",
    "seed",
    "score",
    "sharpe_bot",
    "sharpe_hodl",
    "no_trades",
    "n_bars_evaluated",
    "n_steps",
    "model_sha256",
    "contract_hash",
    "code_version",
)


def ledger_rows(rows: TrialRows, layout: WarehouseLayout) -> list[LedgerRow]:
    """Describe finished trials for the ledger, in the order given.

    Args:
        rows: Trials with their parameters.
        layout: Where their folders lie.

    Raises:
        IntegrityError: If a complete trial left no returns that its Sharpe ratio can be told from.
    """
    params = _params(rows)
    return [_row(trial, params, rows.advice, layout) for trial in rows.trials]


def _row(trial: Json, params: _ByTrial, advice: _ByTrial, layout: WarehouseLayout) -> LedgerRow:
    study_name, number = identity = trial["study_name"], trial["number"]
    folder = layout.trial(study_name, number)
    files = {name: sha256_of_file(folder / name) for name in _EVIDENCE[trial["state"]]}
    outcome = {name: trial.get(name) for name in OUTCOME}
    outcome |= {"params": params.get(identity, {}), "files": files}
    if identity in advice:
        outcome["advice"] = advice[identity]
    if trial["state"] == "COMPLETE":
        outcome["sharpe_excess"] = _sharpe_excess(layout, trial)
    return LedgerRow(
        kind=LedgerKind.TRIAL,
        campaign=trial["campaign"],
        study_name=study_name,
        number=number,
        outcome=outcome,
    )


def _params(rows: TrialRows) -> _ByTrial:
    params: _ByTrial = defaultdict(dict)
    for row in rows.params:
        params[row["study_name"], row["number"]][row["parameter"]] = json.loads(row["value"])
    return params


def _sharpe_excess(layout: WarehouseLayout, trial: Json) -> float:
    file = layout.trial(trial["study_name"], trial["number"]) / _RETURNS
    try:
        bars = bar_returns(pl.read_parquet(file))
        excess = (bars["bot_return"] - bars["hodl_return"]).to_numpy()
        if not excess.any():
            return 0.0  # it held what buy and hold holds, in every bar
        return sharpe_ratio(excess, bars_per_year=Interval(trial["interval"]).bars_per_year)
    except ValueError as error:
        raise IntegrityError(f"{file}: {error}") from error
