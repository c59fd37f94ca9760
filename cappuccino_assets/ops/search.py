"""The steps of a search: plan its studies, run them, collect their trials."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from cappuccino_assets.ops.metadata import table
from cappuccino_assets.partitions import combination_key
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from cappuccino_assets.tuning.plans import StudyPlan
    from cappuccino_assets.tuning.progress import Progress

COMBINATIONS_KEY: Final = dg.AssetKey("phase1_combinations")
_AFTER: Final = {"after": dg.In(dg.Nothing)}
_NOTHING: Final = dg.Out(dg.Nothing)
_STATES: Final = ("COMPLETE", "PRUNED", "FAIL")


class PhaseConfig(dg.Config):
    """Which phase of the search, 1 or 2."""

    phase: int


@dg.op(ins={"features": dg.In(dg.Nothing), "decision": dg.In(dg.Nothing)}, out=_NOTHING)
def plan_studies(
    context: dg.OpExecutionContext,
    config: PhaseConfig,
    search: SearchResource,
    warehouse: WarehouseResource,
) -> None:
    """Lay out the studies of a phase, and close the runs that could not be ended."""
    from cappuccino_assets.ops.phases import phase_plans
    from cappuccino_assets.ops.runs import close_dead_runs

    close_dead_runs(context.instance)
    for plan in phase_plans(search, warehouse, config.phase):
        context.log.info(f"{plan.study_name}: {plan.n_trials} trials")


@dg.op(ins=_AFTER, out=_NOTHING)
def run_studies(
    context: dg.OpExecutionContext,
    config: PhaseConfig,
    search: SearchResource,
    warehouse: WarehouseResource,
) -> None:
    """Run each study to its target, on this machine or a cluster; continues what is there."""
    from cappuccino_assets.ops.phases import phase_plans
    from cappuccino_assets.tuning import workers
    from cappuccino_assets.tuning.engines import engine_of

    plans = phase_plans(search, warehouse, config.phase)
    workers.run_studies(
        plans,
        n_workers=search.settings.workers,
        layout=warehouse.layout,
        compute=search.compute,
        on_progress=_reporter(context, f"phase{config.phase}_trials", plans),
        open_pool=engine_of(search.settings),
    )


@dg.op(ins=_AFTER, out=_NOTHING)
def collect_trials(
    context: dg.OpExecutionContext,
    config: PhaseConfig,
    search: SearchResource,
    warehouse: WarehouseResource,
) -> None:
    """Bring the trials of a phase into the database."""
    from cappuccino_assets.ops.phases import collect, phase_plans

    trials = collect(warehouse, phase_plans(search, warehouse, config.phase))
    rows = study_rows(trials)
    context.add_output_metadata(
        {
            "studies": table(rows),
            "n_complete": sum(row["COMPLETE"] for row in rows),
            "n_failed": sum(row["FAIL"] for row in rows),
            "best_score": max(row["best_score"] for row in rows),
        }
    )


def search_phase(phase: int, **after: Any) -> Any:
    """Compose the steps of one phase, inside a graph asset.

    Args:
        phase: 1 or 2.
        after: What it waits for: `features`, and in phase 2 the `decision` of phase 1.
    """
    config = {"phase": phase}
    planned = plan_studies.configured(config, name=f"plan_phase{phase}")(**after)
    finished = run_studies.configured(config, name=f"run_phase{phase}")(planned)
    return collect_trials.configured(config, name=f"collect_phase{phase}")(finished)


def study_rows(trials: Iterable[Json]) -> list[Json]:
    """Count trials by study and state, with the best score of each."""
    rows: dict[str, Json] = {}
    for trial in trials:
        empty = {"study_name": trial["study_name"], **dict.fromkeys(_STATES, 0), "best_score": None}
        row = rows.setdefault(trial["study_name"], empty)
        row[trial["state"]] += 1
        if trial["state"] == "COMPLETE":
            best = row["best_score"]
            row["best_score"] = trial["score"] if best is None else max(trial["score"], best)
    return list(rows.values())


def _reporter(
    context: dg.OpExecutionContext, asset: str, plans: "list[StudyPlan]"
) -> "Callable[[Progress], None]":
    """Show progress as observations, and each finished combination in the grid of phase 1."""
    combinations = {plan.study_name: plan for plan in plans if plan.phase == 1}

    def report(progress: "Progress") -> None:
        seen = {name: value for name, value in asdict(progress).items() if value is not None}
        context.log_event(dg.AssetObservation(asset, metadata=seen))
        plan = combinations.get(progress.study_name)
        if plan and progress.n_done >= progress.n_target:
            key = combination_key(plan.timeframe, plan.interval)
            event = dg.AssetMaterialization(COMBINATIONS_KEY, metadata=seen, partition=key)
            context.instance.report_runless_asset_event(event)

    return report
