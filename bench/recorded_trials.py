"""Trials that are trained to their end, with a look at their splits on the way."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Final

from bench.study import drawn_trials, plan_of
from bench.timing import timed
from cappuccino_assets.agents.policy import Policy
from cappuccino_assets.evaluation.cpcv import Split
from cappuccino_assets.features.arrays import FeatureArrays, build_feature_arrays
from cappuccino_assets.features.scaling import Scaler
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.sources.simulated import Regime, SimulatedSource, Strength
from cappuccino_assets.tuning.config import TrialConfig, trial_config
from cappuccino_assets.tuning.distributions import Choice, Value
from cappuccino_assets.tuning.judgement import SplitResult, judge, summary
from cappuccino_assets.tuning.outcome import Tryout, backtest_splits
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.spaces import Constant, Consumer, SearchSpace

N_DAYS: Final = 365
N_TRIALS: Final = 40
FRACTIONS: Final = (0.125, 0.25, 0.5)
REGIMES: Final = {Regime.PLANTED: "flat_0.001", Regime.REALISTIC: "flat_0.006"}  # and their fees


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One trial that was trained to its end.

    Attributes:
        score: Its score in the end.
        looks: Excess Sharpe ratio of each split after each of `FRACTIONS` of the steps.
        steps: Steps done at each look, then in the end.
        training_s: Processor seconds of training until each of them.
        testing_s: Processor seconds of one test; measured in the first trial of a study.
    """

    score: float
    looks: list[list[float]]
    steps: list[int]
    training_s: list[float]
    testing_s: float | None


def market(regime: Regime, seed: int) -> FeatureArrays:
    source = SimulatedSource(regime=regime, n_days=N_DAYS, seed=seed, strength=Strength.STRONG)
    return build_feature_arrays(grid_from_bars(source.fetch_bars()), enhanced=False)


def small_space() -> SearchSpace:
    """The mini profile's, with 16 rollouts a training: about as many as the full profile's 13."""
    space = search_space(phase=1, algorithm="ppo", ranges="mini")
    constants = (
        Constant(name="break_step", value=16_384, consumer=Consumer.TRIAL),
        Constant(name="target_step", value=1_024, consumer=Consumer.AGENT),
    )
    parameters = tuple(
        replace(each, distribution=Choice((256, 512, 1024))) if each.name == "batch_size" else each
        for each in space.parameters
    )
    return replace(space, parameters=parameters, constants=constants)


def study_plan(search: FeatureArrays, regime: Regime, seed: int, **changes: object) -> StudyPlan:
    plan = plan_of(search, small_space(), n_trials=N_TRIALS)
    return replace(plan, seed=seed, fees=REGIMES[regime], **changes)


def record(
    plan: StudyPlan, search: FeatureArrays, params: dict[str, Value], number: int
) -> Recorded:
    """Train a trial to its end, and test what it was at each look and in the end, all at once."""
    config = trial_config(params, plan)
    rule = plan.splits(memory_bars=search.contract.memory_bars, lookback=config.lookback)
    splits = rule.split(search.segment)
    tryout = Tryout(config, search, splits, seeds=plan.member_seeds(number, len(splits)))
    members, steps, training_s = [], [], []
    for fraction in (*FRACTIONS, 1.0):
        until = ceil(fraction * tryout.n_steps)
        training_s.append(timed(partial(tryout.advance, until)) + sum(training_s[-1:]))
        steps.append(tryout.n_done)
        policy = tryout.population().policy
        members.extend(policy.member_tensors(split.number) for split in splits)
    together = Policy.from_members(members, policy.action_space)
    judged = _judged(plan, config, search, splits * len(steps), together, tryout.scalers)
    looks = [judged[at : at + len(splits)] for at in range(0, len(judged), len(splits))]
    return Recorded(
        score=summary(looks[-1], n_splits=len(splits))["score"],
        looks=[[split.excess_sharpe for split in look] for look in looks[:-1]],
        steps=steps,
        training_s=training_s,
        testing_s=timed(tryout.outcome) if number == 0 else None,
    )


def _judged(
    plan: StudyPlan,
    config: TrialConfig,
    search: FeatureArrays,
    splits: Sequence[Split],
    policy: Policy,
    scalers: Sequence[Scaler],
) -> list[SplitResult]:
    numbered = [replace(split, number=member) for member, split in enumerate(splits)]
    each_scaler = [scalers[split.number] for split in splits]
    *tests, holders = backtest_splits(config, search, numbered, policy, each_scaler)
    return [
        judge(split, results, holders, interval=plan.interval)
        for split, results in zip(splits, tests, strict=True)
    ]


def look_and_rollout(
    plan: StudyPlan, search: FeatureArrays, width: int, *, n_steps: int
) -> tuple[float, float]:
    """Time one look, and one rollout of so many steps with its update, of all splits together."""
    (drawn,) = drawn_trials(plan.space, 1)
    config = trial_config(plan.space.values(drawn.params), plan)
    agent = replace(
        config.agent,
        net_dimension=width,
        target_step=n_steps,
        batch_size=n_steps // 2,
        learning_rate=3e-5,  # within the full profile's range; a larger one ends updates early
    )
    config = replace(config, agent=agent, break_step=n_steps)
    rule = plan.splits(memory_bars=search.contract.memory_bars, lookback=config.lookback)
    splits = rule.split(search.segment)
    tryout = Tryout(config, search, splits, seeds=range(len(splits)))
    rollout_s = timed(partial(tryout.advance, n_steps))
    return timed(tryout.outcome), rollout_s


def recorded_studies(path: Path, n_seeds: int) -> dict[tuple[Regime, int], list[Recorded]]:
    """Read what was recorded, and record the rest."""
    known = {}
    if path.is_file():
        for line in path.read_text().splitlines():
            row = json.loads(line)
            key = (row.pop("regime"), row.pop("seed"), row.pop("number"))
            known[key] = Recorded(**row)
    keys = [(regime, seed) for seed in range(n_seeds) for regime in REGIMES]
    return {(regime, seed): _study(path, known, regime, seed) for regime, seed in keys}


def _study(path: Path, known: dict, regime: Regime, seed: int) -> list[Recorded]:
    keys = [(regime.value, seed, number) for number in range(N_TRIALS)]
    if not all(key in known for key in keys):
        search = market(regime, seed)
        plan = study_plan(search, regime, seed)
        drawn = drawn_trials(plan.space, N_TRIALS, seed=seed)
        for key in keys:
            if key not in known:
                params = plan.space.values(drawn[key[2]].params)
                known[key] = record(plan, search, params, key[2])
                _keep(path, key, known[key])
    return [known[key] for key in keys]


def _keep(path: Path, key: tuple[str, int, int], trial: Recorded) -> None:
    named = dict(zip(("regime", "seed", "number"), key, strict=True))
    with path.open("a") as file:
        file.write(json.dumps(named | asdict(trial)) + "\n")
