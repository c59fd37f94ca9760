"""Candidate against incumbent: two ensembles on the hold-out of the candidate's campaign."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from cappuccino_assets.envs.market import MarketTensors
from cappuccino_assets.errors import (
    CappuccinoError,
    ContractMismatchError,
    HistoryTooShortError,
    IncomparableError,
    IntegrityError,
    ManifestError,
    TrialFailedError,
    WarehouseError,
)
from cappuccino_assets.evaluation.actors import SideBySide
from cappuccino_assets.evaluation.backtest import backtest
from cappuccino_assets.evaluation.holdout import Holdout, cut_holdout
from cappuccino_assets.evaluation.performance import Performance, performance
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.live.comparison import (
    ComparedBars,
    Comparison,
    Contender,
    is_better,
    keep_comparison,
    read_comparison,
)
from cappuccino_assets.live.ensemble import Ensemble, EnsembleActor
from cappuccino_assets.live.manifest import Manifest, market_contract
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.campaign import Campaign

FindBars = Callable[[], tuple[FeatureArrays, datetime]]
"""Finds all rows that the candidate's campaign searched, and from when on it saw nothing, UTC."""

_HINDRANCES: Final = (
    ContractMismatchError,
    HistoryTooShortError,
    IntegrityError,
    ManifestError,
    WarehouseError,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Contest:
    candidate: Ensemble
    incumbent: Ensemble
    holdout: Holdout

    @property
    def bars(self) -> ComparedBars:
        arrays = self.holdout.arrays
        return ComparedBars(
            dataset_digest=arrays.dataset_digest,
            interval=arrays.interval.value,
            begins_at=self.holdout.begins_at.isoformat(),
            ends_at=self.holdout.ends_at.isoformat(),
        )

    def opening(self) -> LedgerRow:
        """Write the look as a row of the ledger, under the candidate's best trial.

        An ensemble is no trial, but its members are: the row stands with the first of them. Its
        key has the range of bars first, as every opening's, then both sets of members, so that a
        pair is recorded once, however often it is asked for.
        """
        manifest, bars = self.candidate.manifest, self.bars
        sets = {"candidate": manifest.member_set, "incumbent": self.incumbent.manifest.member_set}
        return LedgerRow(
            kind=LedgerKind.HOLDOUT_OPENING,
            campaign=manifest.study_name,
            study_name=manifest.members[0].study_name,
            number=manifest.members[0].trial_number,
            key=f"{bars.begins_at}/{bars.ends_at} {bars.interval} {bars.dataset_digest} "
            f"ensemble {sets['candidate']} against {sets['incumbent']}",
            outcome=asdict(bars) | sets,
        )

    def trade(self) -> tuple[Performance, Performance]:
        """Trade both side by side: flat at the start, with the candidate's costs and minimums."""
        arrays, own = self.holdout.arrays, self.incumbent.rules
        rules = self.candidate.rules
        others = replace(
            rules, min_cash_reserve=own.min_cash_reserve, trailing_stop_pct=own.trailing_stop_pct
        )
        actors = [EnsembleActor(each, arrays) for each in (self.candidate, self.incumbent)]
        candidate, incumbent = backtest(
            arrays,
            SideBySide(actors),
            market=MarketTensors.from_arrays(arrays),
            rules=[rules, others],
            blocks=[self.holdout.group_blocks] * 2,
            lookback=self.holdout.lookback,
        )
        interval = arrays.interval
        return performance(candidate, interval=interval), performance(incumbent, interval=interval)


def compare(
    candidate: Ensemble,
    incumbent: Manifest,
    *,
    find_bars: FindBars,
    warehouse: Warehouse,
    replace_incomparable: bool,
) -> Comparison:
    """Hold a candidate against the ensemble in force, or read what it came to.

    The look is in the trial ledger before a bar is traded. Two ensembles are traded once: to ask
    again opens nothing. What could not be compared is tried anew.

    Args:
        candidate: Would be published.
        incumbent: The manifest in force, of another campaign.
        find_bars: Finds the bars of the candidate's campaign.
        warehouse: Holds campaigns and ledger, and says where results are kept.
        replace_incomparable: Whether a candidate that cannot be compared replaces the incumbent.

    Raises:
        IntegrityError: If the ledger, or a comparison that was kept, is damaged.
        WarehouseError: If another process appends to the ledger for too long.
        ValueError: If a Sharpe ratio is undefined although something was traded.
    """
    layout = warehouse.layout
    path = layout.comparison(candidate.manifest.member_set, incumbent.member_set)
    if path.is_file() and (kept := read_comparison(path)).hindrance is None:
        return kept
    try:
        contest = _contest(candidate, incumbent, find_bars, warehouse)
    except _HINDRANCES as error:
        comparison = _hindered(candidate.manifest, incumbent, error, replace_incomparable)
    else:
        TrialLedger(warehouse).append([contest.opening()])
        comparison = _traded(contest, replace_incomparable)
    keep_comparison(path, comparison)
    return comparison


def _contest(
    candidate: Ensemble, manifest: Manifest, find_bars: FindBars, warehouse: Warehouse
) -> _Contest:
    incumbent = Ensemble.of(manifest, warehouse.layout.ensemble)
    _require_one_market(candidate, incumbent)
    arrays, holdout_from = find_bars()
    for model in (*candidate.models, *incumbent.models):
        model.contract.market_part().require_equal(arrays.contract)
    lookback = max(candidate.lookback, incumbent.lookback)
    holdout = cut_holdout(arrays, holdout_from, lookback=lookback)
    _require_unseen(warehouse, manifest, holdout)
    return _Contest(candidate=candidate, incumbent=incumbent, holdout=holdout)


def _require_one_market(candidate: Ensemble, incumbent: Ensemble) -> None:
    ours, theirs = (
        asdict(market_contract(each.models[0].contract, each.models[0].config))
        for each in (candidate, incumbent)
    )
    for name, value in ours.items():
        if theirs[name] != value:
            raise IncomparableError(
                f"It trades another market: {name} is {value}, but {theirs[name]} in force."
            )


def _require_unseen(warehouse: Warehouse, incumbent: Manifest, holdout: Holdout) -> None:
    row = warehouse.campaign(incumbent.study_name)
    if row is None:
        raise IncomparableError(f"Nobody knows what {incumbent.study_name} was trained on.")
    trained_until = Campaign.from_json(row["definition"]).holdout_from
    first_close = holdout.begins_at + timedelta(seconds=holdout.arrays.interval.seconds)
    if first_close <= trained_until:
        raise IncomparableError(
            f"{incumbent.study_name} was trained on bars up to {trained_until:%Y-%m-%d %H:%M} UTC, "
            f"some of which are in the hold-out from {holdout.begins_at:%Y-%m-%d %H:%M} UTC on."
        )


def _traded(contest: _Contest, replace_incomparable: bool) -> Comparison:
    candidate, incumbent = contest.candidate.manifest, contest.incumbent.manifest
    try:
        ours, theirs = contest.trade()
    except TrialFailedError as error:
        return _hindered(candidate, incumbent, error, replace_incomparable)
    return Comparison(
        candidate=_contender(candidate, ours),
        incumbent=_contender(incumbent, theirs),
        incumbent_generation=incumbent.generation,
        compared_at=datetime.now(UTC).isoformat(),
        bars=contest.bars,
        hindrance=None,
        replaces=is_better(ours, theirs),
    )


def _hindered(
    candidate: Manifest, incumbent: Manifest, error: CappuccinoError, replaces: bool
) -> Comparison:
    return Comparison(
        candidate=_contender(candidate),
        incumbent=_contender(incumbent),
        incumbent_generation=incumbent.generation,
        compared_at=datetime.now(UTC).isoformat(),
        bars=None,
        hindrance=str(error),
        replaces=replaces,
    )


def _contender(manifest: Manifest, measured: Performance | None = None) -> Contender:
    return Contender(
        campaign=manifest.study_name, member_set=manifest.member_set, performance=measured
    )
