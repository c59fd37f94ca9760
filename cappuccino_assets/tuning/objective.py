"""One trial: try a configuration on every split, score it, and leave files."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from cappuccino_assets.errors import ConfigurationError, ConstantColumnError, TrialFailedError
from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.storage.files import new_folder, write_json, write_parquet
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.weights import write_weights
from cappuccino_assets.tuning.code_version import code_version
from cappuccino_assets.tuning.config import TrialConfig, trial_config
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.judgement import SplitResult, judge, returns_frame, summary
from cappuccino_assets.tuning.outcome import Outcome, train_and_test
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.types import Json

_STUDY_FIELDS = (
    "study_name",
    "campaign",
    "phase",
    "algorithm",
    "timeframe",
    "interval",
    "dataset_digest",
)


def run_trial(
    plan: StudyPlan,
    params: Mapping[str, Value],
    number: int,
    search: FeatureArrays,
    layout: WarehouseLayout,
) -> Json:
    """Run one trial and write its folder, whole or not at all.

    The folder holds trial.json, returns.parquet, hyperparams.json and, in phase 2, the final fit
    with its contract. The result depends on the plan, the values, the number and the arrays alone.

    Args:
        plan: The study.
        params: A value for every parameter of its space.
        number: The trial's number in the study.
        search: Feature arrays up to the hold-out.
        layout: Where the folder goes.

    Returns:
        The content of trial.json.

    Raises:
        ConfigurationError: If the parameters or the arrays are not this study's, or the arrays
            reach into the hold-out.
        TrialFailedError: If a split, a metric or the training has no valid result.
    """
    _require_study_arrays(plan, search)
    config = trial_config(params, plan)
    started_at, started = datetime.now(UTC), perf_counter()
    memory_bars = search.contract.memory_bars
    splits = plan.splits(memory_bars=memory_bars, lookback=config.lookback).split(search.segment)
    outcome, judged = _try(plan, config, number, search, splits)
    with new_folder(layout.trial(plan.study_name, number)) as folder:
        write_parquet(folder / "returns.parquet", returns_frame(splits, outcome.tests))
        write_json(folder / "hyperparams.json", config.to_json())
        record = {
            **{name: getattr(plan, name) for name in _STUDY_FIELDS},
            **summary(judged, n_splits=len(splits)),
            **_write_final_fit(folder, config, search, outcome),
            "number": number,
            "seed": plan.seed_of(number),
            "params": dict(params),
            "n_steps": outcome.population.n_steps,
            "code_version": code_version(),
            "started_at": started_at.isoformat(),
            "completed_at": datetime.now(UTC).isoformat(),
            "duration_s": perf_counter() - started,
            "training_s": outcome.training_s,
            "evaluation_s": outcome.evaluation_s,
        }
        write_json(folder / "trial.json", record)
    return record


def _try(
    plan: StudyPlan, config: TrialConfig, number: int, search: FeatureArrays, splits: list[Split]
) -> tuple[Outcome, list[SplitResult]]:
    n_members = len(splits) + (plan.phase == 2)  # the final fit
    seeds = plan.member_seeds(number, n_members)
    try:
        outcome = train_and_test(config, search, splits, seeds=seeds)
        return outcome, [
            judge(split, tests, outcome.holders, interval=plan.interval)
            for split, tests in zip(splits, outcome.tests, strict=True)
        ]
    except ConstantColumnError as error:  # constant over a split's training rows only
        raise TrialFailedError(f"{type(error).__name__}: {error}") from error


def _require_study_arrays(plan: StudyPlan, search: FeatureArrays) -> None:
    expected = {"dataset_digest": plan.dataset_digest, **plan.contract.to_json()}
    found = {"dataset_digest": search.dataset_digest, **search.contract.to_json()}
    for name, value in expected.items():
        if found[name] != value:
            raise ConfigurationError(
                f"{plan.study_name} is about the {name} {value!r}, "
                f"but its arrays have {found[name]!r}."
            )
    closed_at = datetime.fromtimestamp(int(search.open_time[-1]) + plan.interval.seconds, UTC)
    if closed_at > plan.holdout_from:
        raise ConfigurationError(
            f"{plan.study_name} may see nothing from {plan.holdout_from} on, "
            f"but its arrays end at {closed_at}."
        )


def _write_final_fit(
    folder: Path, config: TrialConfig, search: FeatureArrays, outcome: Outcome
) -> Json:
    """Write the policy that was trained on everything, if there is one."""
    n_splits = len(outcome.tests)
    policy = outcome.population.policy
    if policy.n_members == n_splits:
        return {"model_sha256": None, "contract_hash": search.contract.hash}
    contract = search.contract.for_model(
        lookback=config.lookback,
        clock_bars=config.rules.cycle_bars,
        norm_tech_exp=config.norm_tech_exp,
        scaler=outcome.scalers[n_splits],
        action_space=policy.action_space.to_json(),
    )
    write_json(folder / "contract.json", contract.to_json())
    sha256 = write_weights(
        folder / "actor.safetensors",
        policy.member_tensors(n_splits),
        contract_hash=contract.hash,
    )
    return {"model_sha256": sha256, "contract_hash": contract.hash}
