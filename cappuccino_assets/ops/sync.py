"""Move everything that belongs to one campaign to another one, at once."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from cappuccino_assets.errors import ManifestError, WarehouseError
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from cappuccino_assets.live.publish import Publication
    from cappuccino_assets.storage.warehouse import Warehouse
    from cappuccino_assets.tuning.campaign import Campaign

ENSEMBLE: Final = "ensemble_manifest"
AGREEMENT: Final = "one_campaign_is_followed"


class SyncConfig(dg.Config):
    """Which campaign shall be the active one: its name, or that of one of its studies."""

    study: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What moved to a campaign.

    Attributes:
        campaign: Its name.
        before: The campaign that was active.
        publication: How its ensemble came into force.
        files: What was written anew, by asset.
    """

    campaign: str
    before: str
    publication: "Publication"
    files: dict[str, Path]


@dg.op
def move_to_campaign(
    context: dg.OpExecutionContext,
    config: SyncConfig,
    search: SearchResource,
    warehouse: WarehouseResource,
) -> None:
    """Make a campaign the active one, with its ensemble, outcomes and reports."""
    from cappuccino_assets.ops.runs import close_dead_runs
    from cappuccino_assets.reports.following import campaign_following

    close_dead_runs(context.instance)
    move = move_to(search, warehouse, config.study)
    for asset, path in move.files.items():
        context.log_event(dg.AssetMaterialization(asset, metadata=_shown(move, path)))
    following = campaign_following(warehouse.database)
    context.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(ENSEMBLE),
            check_name=AGREEMENT,
            passed=not following.faults,
            metadata={},
            description=following.text,
            blocking=True,
        )
    )


def move_to(search: SearchResource, warehouse: WarehouseResource, name: str) -> Move:
    """Make a campaign the active one, with its ensemble, outcomes and reports.

    What may refuse comes first: until the new ensemble is in force nothing has changed. Every
    step after it replaces one thing as a whole, and to do all of them again changes nothing more;
    so whatever kills this, the check of the ensemble names what is left, and the same call ends it.

    Args:
        search: Says whether an ensemble that cannot be compared may replace the one in force.
        warehouse: Holds the campaigns.
        name: Of the campaign, or of one of its studies.

    Raises:
        WarehouseError: If there is no such campaign, it is not searched to its end, or somebody
            searches meanwhile.
        ManifestError: If the ensemble in force stays, or there is none of this campaign.
        IntegrityError: If a trial's or member's files are not what is on record.
    """
    from cappuccino_assets.live.publish import publish_manifest
    from cappuccino_assets.ops.campaigns import campaign_of, hold_search
    from cappuccino_assets.ops.phases import best_of_phase1, best_of_phase2, ensemble_bars

    database, layout = warehouse.database, warehouse.layout
    hold_search(layout)
    campaign = campaign_of(database, name)
    _require_movable(database, campaign)
    winner = best_of_phase1(database, campaign)
    comparison = best_of_phase2(database, campaign, winner)
    publication = publish_manifest(
        layout,
        database,
        campaign.name,
        find_bars=partial(ensemble_bars, layout, campaign, winner),
        replace_incomparable=search.settings.replace_incomparable,
    )
    if publication.manifest.study_name != campaign.name:
        raise ManifestError(f"Nothing was moved to {campaign.name}. {publication.remark}")
    before = database.active_campaign()
    return Move(
        campaign=campaign.name,
        before=before["campaign"] if before else campaign.name,
        publication=publication,
        files=_follow(database, campaign, winner, comparison),
    )


def _follow(
    database: "Warehouse", campaign: "Campaign", winner: Json, comparison: Json
) -> dict[str, Path]:
    """Let all that is read by others follow the ensemble, the row that names the campaign first."""
    from cappuccino_assets.ops.evidence import write_analysis, write_evidence
    from cappuccino_assets.reports.training_report import write_training_report
    from cappuccino_assets.storage.files import write_json

    layout = database.layout
    database.activate_campaign(campaign.to_json())
    write_json(layout.phase1_winner, winner)
    write_json(layout.phase2_comparison, comparison)
    write_analysis(database, campaign.name)
    write_evidence(database, campaign.name)
    report = write_training_report(database, campaign.name)
    return {
        ENSEMBLE: layout.manifest,
        "phase1_winner": layout.phase1_winner,
        "phase2_comparison": layout.phase2_comparison,
        "hyperparameter_analysis": layout.hyperparameter_analysis,
        "overfitting_report": layout.overfitting_report,
        "training_report": report.page,
    }


def _require_movable(database: "Warehouse", campaign: "Campaign") -> None:
    from cappuccino_assets.reports.following import strangers_at_work
    from cappuccino_assets.tuning.campaign import is_searched

    name = campaign.name
    if not is_searched(database, campaign):
        raise WarehouseError(
            f"{name} is not searched to its end: `cappuccino run --study {name}` continues it, and "
            "moves everything to it as it goes."
        )
    for worker in strangers_at_work(database, name):
        raise WarehouseError(
            f"Nothing was moved to {name}: {worker.what} is of {worker.campaign}. {worker.remedy}"
        )


def _shown(move: Move, path: Path) -> dict[str, Any]:
    return {
        "campaign": move.campaign,
        "before": move.before,
        "generation": move.publication.manifest.generation,
        "remark": move.publication.remark,
        "path": dg.MetadataValue.path(str(path)),
    }
