"""Publishing a manifest: verified member files first, then one atomic file."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from cappuccino_assets.errors import CappuccinoError, ManifestError
from cappuccino_assets.live.comparison import Comparison
from cappuccino_assets.live.contest import FindBars, compare
from cappuccino_assets.live.ensemble import Ensemble
from cappuccino_assets.live.generations import next_generation, put_in_force
from cappuccino_assets.live.manifest import (
    Manifest,
    MarketContract,
    Member,
    market_contract,
    member_path,
    read_manifest,
)
from cappuccino_assets.registry.entries import verify_entry, vin_of
from cappuccino_assets.registry.grading import grade
from cappuccino_assets.registry.in_force import InForce, why_it_waits
from cappuccino_assets.registry.models import MODEL_FILES, Model, read_model
from cappuccino_assets.registry.on_record import require_on_record
from cappuccino_assets.storage.files import copy_file, new_folder
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json

TOP_TRIALS: Final = 10
PATIENCE_S: Final = 900.0  # for another publisher, who may be comparing on many bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What came of publishing.

    Attributes:
        manifest: The one in force.
        remark: Why it is that one, in words.
        comparison: What the candidate and the ensemble of another campaign came to; None where
            none was in force, or the candidate was not compared.
    """

    manifest: Manifest
    remark: str
    comparison: Comparison | None = None


def publish_manifest(
    layout: WarehouseLayout,
    warehouse: Warehouse,
    campaign: str,
    *,
    find_bars: FindBars,
    top: int = TOP_TRIALS,
    replace_incomparable: bool = False,
) -> Publication:
    """Make the best trials of a campaign the ensemble that traders follow.

    An ensemble of another campaign is replaced only by a better one: once the search is done, both
    are traded on the hold-out, and the one in force stays unless the other's Sharpe ratio above buy
    and hold is higher. Members that somebody rolled back from are not published again.

    Args:
        layout: Where everything lies.
        warehouse: Holds the campaign's trials.
        campaign: Name of the campaign.
        find_bars: Finds its bars, if they are needed.
        top: How many trials, at most.
        replace_incomparable: Whether an ensemble that cannot be compared replaces the one in force.

    Raises:
        ManifestError: If no trial can be a member, or the members do not share one market.
        IntegrityError: If a member's files, the ledger or a kept comparison are not what is on
            record; the old manifest stays.
    """
    with exclusive(layout.publisher_lock, timeout_s=PATIENCE_S):
        candidate = _candidate(layout, warehouse, campaign, top)
        current = read_manifest(layout.manifest) if layout.manifest.exists() else None
        if current is None:
            return _published(layout, candidate)
        if stays := _why_it_stays(candidate.manifest, current, warehouse):
            return Publication(manifest=current, remark=stays)
        if current.study_name == campaign:
            return _published(layout, candidate, current)
        comparison = compare(
            candidate,
            current,
            find_bars=find_bars,
            warehouse=warehouse,
            replace_incomparable=replace_incomparable,
        )
        if comparison.replaces:
            return _published(layout, candidate, current, comparison)
        return Publication(manifest=current, remark=comparison.text, comparison=comparison)


def _published(
    layout: WarehouseLayout,
    candidate: Ensemble,
    current: Manifest | None = None,
    comparison: Comparison | None = None,
) -> Publication:
    manifest = replace(
        candidate.manifest,
        generation=next_generation(layout, current),
        created_at=datetime.now(UTC).isoformat(),
        previous_generation=current.generation if current else None,
        compared_with=comparison,
        rejected=current.rejected if current else (),
    )
    put_in_force(layout, manifest)
    text = f"The best trials of {manifest.study_name} are generation {manifest.generation}."
    remark = f"{comparison.text} {text}" if comparison else text
    return Publication(manifest=manifest, remark=remark, comparison=comparison)


def _why_it_stays(candidate: Manifest, current: Manifest, warehouse: Warehouse) -> str | None:
    if (current.study_name, current.members) == (candidate.study_name, candidate.members):
        return f"The best trials of {current.study_name} are in force."
    in_force = InForce.from_json(current.to_json())
    return why_it_waits(warehouse, candidate.study_name, candidate.member_set, in_force)


def _candidate(layout: WarehouseLayout, warehouse: Warehouse, campaign: str, top: int) -> Ensemble:
    """Make the ensemble that would be published; its generation is not numbered yet."""
    trials = _candidates(warehouse, campaign, top)
    models = [_place(layout, trial) for trial in trials]
    market = _shared_market(models)
    manifest = Manifest(
        generation=1,
        study_name=campaign,
        created_at=datetime.now(UTC).isoformat(),
        timeframe=market.timeframe,
        interval=market.interval,
        members=tuple(
            _member(trial, model, gated=_is_gated(warehouse, trial, model))
            for trial, model in zip(trials, models, strict=True)
        ),
        market_contract_hash=market.hash,
        previous_generation=None,
    )
    return Ensemble(manifest, models)


def _candidates(warehouse: Warehouse, campaign: str, top: int) -> list[Json]:
    trials = warehouse.query("ensemble_candidates", {"campaign": campaign, "n": top}).to_dicts()
    if not trials:
        raise ManifestError(f"No complete trial of {campaign!r} traded: there is no ensemble.")
    return trials


def _place(layout: WarehouseLayout, trial: Json) -> Model:
    record = {"sha256": trial["model_sha256"], "contract_hash": trial["contract_hash"]}
    source = layout.trial(trial["study_name"], trial["number"])
    model = read_model(source, **record)
    target = layout.ensemble / member_path(model.sha256)
    if not target.exists():
        with new_folder(target) as folder:
            for name in MODEL_FILES:
                copy_file(source / name, folder / name)
    placed = read_model(target, **record)
    if placed.hyperparams_sha256 != model.hyperparams_sha256:
        raise ManifestError(f"{target} and {source} hold one model with two configurations.")
    return placed


def _shared_market(models: list[Model]) -> MarketContract:
    markets = [market_contract(model.contract, model.config) for model in models]
    for market in markets:
        if market != markets[0]:
            raise ManifestError(f"Members trade on different markets: {markets[0]} and {market}.")
    return markets[0]


def _member(trial: Json, model: Model, *, gated: bool) -> Member:
    vin = vin_of(
        model.config,
        sha256=model.sha256,
        grade=grade(trial["score"]),
        completed_at=trial["completed_at"].isoformat(),
    )
    return Member(
        vin=vin,
        study_name=trial["study_name"],
        trial_number=trial["number"],
        score=trial["score"],
        path=member_path(model.sha256),
        sha256=model.sha256,
        contract_hash=model.contract.hash,
        hyperparams_sha256=model.hyperparams_sha256,
        trailing_stop_pct=model.config.rules.trailing_stop_pct,
        gated=gated,
    )


def _is_gated(warehouse: Warehouse, trial: Json, model: Model) -> bool:
    """Whether the archive has an entry of this very model that passed, whole and on record."""
    of_model = (trial["study_name"], trial["number"], model.sha256)
    for path in warehouse.layout.archive.glob(f"*-{model.sha256[:6]}"):
        try:
            entry = verify_entry(path)
            if (*entry.identity, entry.metadata["model_sha256"]) == of_model:
                return entry.metadata["gated"] is True and bool(
                    require_on_record([entry], warehouse)
                )
        except CappuccinoError:
            continue  # what does not verify proves nothing; the check of the archive names it
    return False
