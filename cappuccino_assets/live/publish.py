"""Publishing a manifest: verified member files first, then one atomic file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cappuccino_assets.errors import ManifestError
from cappuccino_assets.live.manifest import (
    Manifest,
    MarketContract,
    Member,
    market_contract,
    member_path,
    read_manifest,
)
from cappuccino_assets.registry.entries import vin_of
from cappuccino_assets.registry.grading import grade
from cappuccino_assets.registry.models import MODEL_FILES, Model, read_model
from cappuccino_assets.storage.files import copy_file, new_folder, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json

TOP_TRIALS: Final = 10


def publish_manifest(
    layout: WarehouseLayout, warehouse: Warehouse, campaign: str, *, top: int = TOP_TRIALS
) -> Manifest:
    """Make the best trials of a campaign the ensemble that traders follow.

    Args:
        layout: Where everything lies.
        warehouse: Holds the campaign's trials.
        campaign: Name of the campaign.
        top: How many trials, at most.

    Returns:
        The manifest in force: a new generation, or the old one when its members are the same.

    Raises:
        ManifestError: If no trial can be a member, or the members do not share one market.
        IntegrityError: If a member's files are not what is on record; the old manifest stays.
    """
    with exclusive(layout.publisher_lock):
        trials = _candidates(warehouse, campaign, top)
        models = [_place(layout, trial) for trial in trials]
        market = _shared_market(models)
        members = tuple(map(_member, trials, models))
        current = read_manifest(layout.manifest) if layout.manifest.exists() else None
        if current and (current.study_name, current.members) == (campaign, members):
            return current
        previous = current.generation if current else None
        manifest = Manifest(
            generation=1 + max(previous or 0, _newest_generation(layout)),
            study_name=campaign,
            created_at=datetime.now(UTC).isoformat(),
            timeframe=market.timeframe,
            interval=market.interval,
            members=members,
            market_contract_hash=market.hash,
            previous_generation=previous,
        )
        write_json(_generation_path(layout, manifest.generation), manifest.to_json())
        write_json(layout.manifest, manifest.to_json())
    return manifest


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


def _member(trial: Json, model: Model) -> Member:
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
        gated=False,
    )


def _newest_generation(layout: WarehouseLayout) -> int:
    return max((int(path.stem) for path in layout.generations.glob("[0-9]*.json")), default=0)


def _generation_path(layout: WarehouseLayout, generation: int) -> Path:
    return layout.generations / f"{generation}.json"
