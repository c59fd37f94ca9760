"""One trial: try a configuration on every split, score it, and leave files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import torch

from cappuccino_assets.errors import (
    ConstantColumnError,
    TrialFailedError,
    TrialPrunedError,
)
from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.features.arrays import FeatureArrays
from cappuccino_assets.storage.files import (
    canonical_json,
    new_folder,
    sha256_of,
    write_json,
    write_parquet,
)
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.weights import write_weights
from cappuccino_assets.training.checkpoints import CheckpointFolder
from cappuccino_assets.training.compute import ANYWHERE, Compute
from cappuccino_assets.training.devices import choose_device, describe_device
from cappuccino_assets.training.resilient import Resilience
from cappuccino_assets.tuning.code_version import code_version
from cappuccino_assets.tuning.config import TrialConfig, trial_config
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.infrastructure import machine_failures_named
from cappuccino_assets.tuning.judgement import SplitResult, judge, returns_frame, summary
from cappuccino_assets.tuning.outcome import Outcome, Tryout
from cappuccino_assets.tuning.plans import StudyPlan, require_study_arrays
from cappuccino_assets.tuning.pruning import Pruner, PruningRule
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


_LOOK: Final = "look"


def run_trial(
    plan: StudyPlan,
    params: Mapping[str, Value],
    number: int,
    search: FeatureArrays,
    layout: WarehouseLayout,
    *,
    prune: Pruner | None = None,
    compute: Compute = ANYWHERE,
) -> Json:
    """Run one trial and write its folder, whole or not at all.

    The folder holds trial.json, returns.parquet, hyperparams.json and, in phase 2, the final fit
    with its contract. The result depends on the plan, the values, the number and the arrays alone.
    A trial that is pruned leaves pruned.json and hyperparams.json. One that is killed leaves its
    last checkpoint, from which the next try at it goes on.

    Args:
        plan: The study.
        params: A value for every parameter of its space.
        number: The trial's number in the study.
        search: Feature arrays up to the hold-out.
        layout: Where the folder goes.
        prune: Judges the trial where the profile's rule says; None lets it end.
        compute: What the training may use.

    Returns:
        The content of trial.json.

    Raises:
        ConfigurationError: If the parameters or the arrays are not this study's, or the arrays
            reach into the hold-out.
        TrialFailedError: If a split, a metric or the training has no valid result.
        TrialPrunedError: If it was stopped as hopeless.
        InfrastructureError: If memory or disk gave way.
    """
    require_study_arrays(plan, search)
    trial = _begin(plan, params, number, search, compute)
    checkpoints = trial.checkpoints(layout)
    with machine_failures_named(), _removed_in_the_end(checkpoints):
        tryout = trial.tryout(checkpoints)
        if prune is not None and plan.profile.pruning is not None:
            _look(trial, tryout, plan.profile.pruning, prune, layout, checkpoints)
        tryout.advance(tryout.n_steps)
        return _finish(trial, tryout.outcome(), layout)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trial:
    """A trial that has begun."""

    plan: StudyPlan
    params: dict[str, Value]
    number: int
    search: FeatureArrays
    config: TrialConfig
    splits: list[Split]
    compute: Compute
    started_at: datetime
    started: float

    def checkpoints(self, layout: WarehouseLayout) -> CheckpointFolder:
        bars = [self.search.dataset_digest, self.search.contract.hash, self.search.n_bars]
        identity = {
            "config": _digest(self.config.to_json()),
            "bars": _digest(bars),
            "code": code_version(),
            "torch": torch.__version__,
            "precision": self.compute.precision,
        }
        path = layout.checkpoints(self.plan.study_name, self.number)
        return CheckpointFolder(path=path, identity=identity)

    def tryout(self, checkpoints: CheckpointFolder) -> Tryout:
        n_members = len(self.splits) + (self.plan.phase == 2)  # the final fit
        seeds = self.plan.member_seeds(self.number, n_members)
        resilience = Resilience(
            checkpoints=checkpoints,
            every=self.plan.profile.checkpoint_steps,
            may_move_to_cpu=self.compute.may_move_to_cpu,
        )
        try:
            return Tryout(
                self.config,
                self.search,
                self.splits,
                seeds=seeds,
                device=choose_device(self.compute.device),
                precision=self.compute.precision,
                resilience=resilience,
            )
        except ConstantColumnError as error:  # constant over a split's training rows only
            raise TrialFailedError(f"{type(error).__name__}: {error}") from error

    def judged(self, outcome: Outcome) -> list[SplitResult]:
        return [
            judge(split, tests, outcome.holders, interval=self.plan.interval)
            for split, tests in zip(self.splits, outcome.tests, strict=True)
        ]

    def record(self, outcome: Outcome) -> Json:
        return {name: getattr(self.plan, name) for name in _STUDY_FIELDS} | {
            "number": self.number,
            "seed": self.plan.seed_of(self.number),
            "params": self.params,
            "n_steps": outcome.population.n_steps,
            "code_version": code_version(),
            "compute": describe_device(outcome.population.policy.device, self.compute.precision),
            "events": outcome.events,
            "started_at": self.started_at.isoformat(),
            "completed_at": datetime.now(UTC).isoformat(),
            "duration_s": perf_counter() - self.started,
            "training_s": outcome.training_s,
            "evaluation_s": outcome.evaluation_s,
        }


def _digest(value: Any) -> str:
    return sha256_of(canonical_json(value).encode())


def _begin(
    plan: StudyPlan,
    params: Mapping[str, Value],
    number: int,
    search: FeatureArrays,
    compute: Compute,
) -> _Trial:
    started_at, started = datetime.now(UTC), perf_counter()
    config = trial_config(params, plan)
    splits = plan.splits(memory_bars=search.contract.memory_bars, lookback=config.lookback)
    return _Trial(
        plan=plan,
        params=dict(params),
        number=number,
        search=search,
        config=config,
        splits=splits.split(search.segment),
        compute=compute,
        started_at=started_at,
        started=started,
    )


@contextmanager
def _removed_in_the_end(checkpoints: CheckpointFolder) -> Iterator[None]:
    """Remove checkpoints when the trial is settled; a fault of the machine settles nothing."""
    try:
        yield
    except (TrialFailedError, TrialPrunedError):
        checkpoints.remove()
        raise
    checkpoints.remove()


def _look(
    trial: _Trial,
    tryout: Tryout,
    rule: PruningRule,
    prune: Pruner,
    layout: WarehouseLayout,
    checkpoints: CheckpointFolder,
) -> None:
    note = checkpoints.note(_LOOK)  # of an earlier try, which was killed after it
    if note is not None:
        prune(note["values"])  # tells them again; what was decided then stays decided
        if note["reason"] is None:
            return
    tryout.advance(rule.step_of(tryout.n_steps))
    if tryout.n_done == tryout.n_steps:  # a single rollout: nothing is left to be saved
        return
    outcome = tryout.outcome()
    judged = trial.judged(outcome)
    if note is None:
        values = [split.excess_sharpe for split in judged]
        note = {"values": values, "reason": prune(values)}
        checkpoints.write_note(_LOOK, note)
    if (reason := note["reason"]) is not None:
        _leave_pruned(trial, outcome, judged, layout, reason=reason, n_planned=tryout.n_steps)
        raise TrialPrunedError(f"After {tryout.n_done} of {tryout.n_steps} steps: {reason}")


def _leave_pruned(
    trial: _Trial,
    outcome: Outcome,
    judged: list[SplitResult],
    layout: WarehouseLayout,
    *,
    reason: str,
    n_planned: int,
) -> None:
    with new_folder(layout.trial(trial.plan.study_name, trial.number)) as folder:
        write_json(folder / "hyperparams.json", trial.config.to_json())
        record = trial.record(outcome) | {
            "n_steps_planned": n_planned,
            "reason": reason,
            "unfinished_splits": [split.to_json() for split in judged],
        }
        write_json(folder / "pruned.json", record)


def _finish(trial: _Trial, outcome: Outcome, layout: WarehouseLayout) -> Json:
    judged = trial.judged(outcome)
    with new_folder(layout.trial(trial.plan.study_name, trial.number)) as folder:
        write_parquet(folder / "returns.parquet", returns_frame(trial.splits, outcome.tests))
        write_json(folder / "hyperparams.json", trial.config.to_json())
        record = {
            **summary(judged, n_splits=len(trial.splits)),
            **_write_final_fit(folder, trial.config, trial.search, outcome),
            **trial.record(outcome),
        }
        write_json(folder / "trial.json", record)
    return record


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
