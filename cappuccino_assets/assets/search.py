"""The search of two phases, and what it came to."""

from typing import Any, Final

import dagster as dg

from cappuccino_assets.ops.metadata import table
from cappuccino_assets.ops.search import COMBINATIONS_KEY, search_phase, study_rows
from cappuccino_assets.partitions import COMBINATIONS
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.types import Json

_AFTER: Final = dg.AssetIn(dagster_type=dg.Nothing)
_SHOWN: Final = (
    "best_value",
    "best_sharpe_bot",
    "best_sharpe_hodl",
    "best_trial_number",
    "n_trials",
)

phase1_combinations = dg.AssetSpec(
    COMBINATIONS_KEY,
    description="One cell per timeframe and interval: the study of phase 1 that was finished.",
    group_name="search",
    kinds={"optuna"},
    partitions_def=COMBINATIONS,
)


@dg.graph_asset(ins={"feature_arrays": _AFTER}, group_name="search", kinds={"optuna", "pytorch"})
def phase1_trials(feature_arrays: Any) -> Any:
    """One row per trial of phase 1: every timeframe and interval on its own bars."""
    return search_phase(1, features=feature_arrays)


@dg.graph_asset(
    ins={"phase1_winner": _AFTER, "enhanced_feature_arrays": _AFTER},
    group_name="search",
    kinds={"optuna", "pytorch"},
)
def phase2_trials(phase1_winner: Any, enhanced_feature_arrays: Any) -> Any:
    """One row per trial of phase 2: every algorithm at the winner's timeframe and interval."""
    return search_phase(2, features=enhanced_feature_arrays, decision=phase1_winner)


@dg.asset(deps=[phase1_trials], group_name="search", kinds={"optuna"})
def phase1_winner(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One record: the best trial of phase 1 by signed score, and its timeframe and interval."""
    from cappuccino_assets.ops.phases import decide_phase1

    winner = decide_phase1(search, warehouse)
    return dg.MaterializeResult(
        metadata={
            "timeframe": winner["timeframe"],
            "interval": winner["interval"],
            **_outcome(warehouse, winner, name="phase1_winner"),
            "path": dg.MetadataValue.path(str(warehouse.layout.phase1_winner)),
        }
    )


@dg.asset(deps=[phase2_trials], group_name="search", kinds={"optuna"})
def phase2_comparison(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One record per algorithm: its best trial by signed score, against buying and holding."""
    from cappuccino_assets.ops.phases import decide_phase2

    comparison = decide_phase2(search, warehouse)
    results = comparison["results"]
    best = results[comparison["winner"]]
    rows = [{"algorithm": name} | {key: r[key] for key in _SHOWN} for name, r in results.items()]
    return dg.MaterializeResult(
        metadata={
            "winner": comparison["winner"],
            "results": table(rows),
            **_outcome(warehouse, best, name="phase2_comparison"),
            "path": dg.MetadataValue.path(str(warehouse.layout.phase2_comparison)),
        }
    )


@dg.asset(deps=[phase1_trials, phase2_trials], group_name="search", kinds={"duckdb"})
def trial_metrics(
    search: SearchResource, warehouse: WarehouseResource
) -> dg.MaterializeResult[None]:
    """One row per trial of the campaign, parameter and split, in the database."""
    from cappuccino_assets.ops.phases import begun_plans, collect

    trials = collect(warehouse, begun_plans(search, warehouse))
    return dg.MaterializeResult(
        metadata={
            "studies": table(study_rows(trials)),
            "dagster/row_count": len(trials),
            "path": dg.MetadataValue.path(str(warehouse.layout.database)),
        }
    )


def _outcome(warehouse: WarehouseResource, result: Json, *, name: str) -> dict[str, Any]:
    from cappuccino_assets.reports.trial_picture import draw_trial

    number, score = result["best_trial_number"], result["best_value"]
    layout, study_name = warehouse.layout, result["study_name"]
    picture = draw_trial(layout, study_name, number, score=score, name=name)
    return {
        "equity (agent red, HODL grey)": dg.MetadataValue.md(picture.sketch),
        "equity of each path": dg.MetadataValue.md(picture.markdown),
        "picture": dg.MetadataValue.path(str(picture.path)),
        "best_params": dg.MetadataValue.json(result["best_params"]),
        "study_name": study_name,
        **{key: result[key] for key in _SHOWN},
    }
