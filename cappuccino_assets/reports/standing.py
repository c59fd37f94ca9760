"""How the active campaign stands: its outcome, and what it is worth, in plain words."""

from pathlib import Path

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.reports.search_record import study_counts
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json

def campaign_standing(warehouse: Warehouse, name: str | None = None) -> Json:
    """Collect what a campaign has reached so far; what is not there yet is None.

    Args:
        warehouse: Holds the campaigns.
        name: Which one; the active one where None.

    Raises:
        WarehouseError: If there is none.
    """
    layout = warehouse.layout
    campaign = warehouse.active_campaign() if name is None else warehouse.campaign(name)
    if campaign is None:
        raise WarehouseError(f"No campaign was begun in {layout.root}: `cappuccino run` does.")
    name = campaign["campaign"]
    studies = study_counts(layout.studies, name)
    archive = warehouse.query("campaign_archive", {"campaign": name}).to_dicts()
    comparison = _of_campaign(layout.phase2_comparison, name)
    return {
        "campaign": campaign["definition"] | {"completed_at": campaign["completed_at"]},
        "studies": studies,
        "phase1_winner": _of_campaign(layout.phase1_winner, name),
        "phase2_comparison": comparison,
        "archive": archive,
        "ensemble": _of_campaign(layout.manifest, name),
        "verdict": verdict(comparison, archive, n_trials=sum(s["n_complete"] for s in studies)),
        "files": _files(layout),
    }


def verdict(comparison: Json | None, archive: list[Json], *, n_trials: int) -> str:
    """Say in one sentence what a search has shown, and what not."""
    if comparison is None:
        return "The search is not finished: nothing can be said yet."
    best = comparison["results"][comparison["winner"]]["best_value"]
    if not archive:
        return f"Nothing was archived: the best score is {best:+.3f}, or it did not trade."
    if best <= 0:
        return (
            f"No edge was found: the best of {n_trials} trials scores {best:+.3f}, no better than "
            "buying and holding. It is archived only so that there is something to look at."
        )
    if archive[0]["below_threshold"]:
        return (
            f"No edge was shown: the best of {n_trials} trials scores {best:+.3f}, below the "
            "archive's threshold. It is archived only so that there is something to look at."
        )
    return (
        f"The best of {n_trials} trials scores {best:+.3f}. That proves nothing yet: the best of "
        "many trials scores well on a market without any edge too, and no gate was passed."
    )


def _of_campaign(path: Path, campaign: str) -> Json | None:
    if not path.is_file():
        return None
    value: Json = read_json(path)
    named = value.get("study_name") or next(iter(value["results"].values()))["study_name"]
    return value if named.partition("/")[0] == campaign else None


def _files(layout: WarehouseLayout) -> Json:
    return {
        "warehouse": str(layout.root),
        "database": str(layout.database),
        "archive": str(layout.archive),
        "manifest": str(layout.manifest),
        "reports": str(layout.reports),
    }
