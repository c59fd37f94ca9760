"""What stopping hopeless trials saves in steps, and what it costs in the best score.

Random trials are trained to their end, with a look at what their splits are worth after an eighth,
a quarter and half of the steps; then pruning rules are replayed over them. That is exact for a
search that draws at random, whose next trial does not depend on what was pruned. Last come real
studies, with the sampler of the product, with and without the rule of the full profile.

    python -m bench.pruning FILE    records what is missing in FILE, then prints the tables
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import optuna
import torch
from scipy.stats import spearmanr

from bench.recorded_trials import (
    FRACTIONS,
    N_TRIALS,
    REGIMES,
    Recorded,
    look_and_rollout,
    market,
    recorded_studies,
    study_plan,
)
from bench.study import empty_warehouse
from cappuccino_assets.market.sources.simulated import Regime
from cappuccino_assets.storage.trial_files import trial_rows
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.joining import top_up
from cappuccino_assets.tuning.objective import run_trial
from cappuccino_assets.tuning.profiles import FULL, MINI
from cappuccino_assets.tuning.pruning import Pruner, PruningRule
from cappuccino_assets.tuning.records import trial_records
from cappuccino_assets.tuning.studies import pruner_of, study_storage, why_hopeless

N_STUDY: Final = 20  # as in phase 1 of the full profile
N_SEEDS: Final = 3
N_REAL_SEEDS: Final = 1
N_ORDERS: Final = 50
WIDTHS: Final = (64, 128, 512, 1024)
ROLLOUT: Final = 4_096  # of phase 1 of the full profile
THRESHOLDS: Final = (0.05, 0.1, 0.2)
STARTUPS: Final = (5, 10)
OUTCOMES: Final = (
    "stopped",
    "steps saved",
    "time saved",
    "best stopped",
    "score lost",
    "gained at equal steps",
)
SCORES: Final = OUTCOMES[-2:]
GRID: Final = (
    *(
        [PruningRule(fraction=fraction, p_threshold=p, n_startup_trials=n)]
        for fraction in FRACTIONS
        for p in THRESHOLDS
        for n in STARTUPS
    ),
    [PruningRule(fraction=f, p_threshold=0.05 / 3, n_startup_trials=10) for f in FRACTIONS],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What one search under a rule came to, trial by trial.

    Attributes:
        kept: Whether it was trained to its end.
        steps: Steps that it took.
        seconds: Seconds that it took, its look included.
    """

    kept: np.ndarray
    steps: np.ndarray
    seconds: np.ndarray


class Study:
    """Trials that were recorded on one market, and what the product says of any two of them."""

    def __init__(self, trials: Sequence[Recorded]):
        self.trials = trials
        self.score = np.array([trial.score for trial in trials])
        self.n_steps = np.array([trial.steps[-1] for trial in trials])
        self.testing_s = trials[0].testing_s or 0.0
        self.seconds = np.array([trial.training_s[-1] + self.testing_s for trial in trials])
        self._is_hopeless: dict[tuple[int, int, PruningRule], bool] = {}

    def is_hopeless(self, number: int, best: int, rule: PruningRule) -> bool:
        """Judge a trial beside the best one by the product's own function."""
        key = (number, best, replace(rule, n_startup_trials=1))
        if key not in self._is_hopeless:
            self._is_hopeless[key] = self._judge(*key)
        return self._is_hopeless[key]

    def _judge(self, number: int, best: int, rule: PruningRule) -> bool:
        look = FRACTIONS.index(rule.fraction)
        study = optuna.create_study(direction="maximize", pruner=pruner_of(rule))
        first = study.ask()
        why_hopeless(first, rule, self.trials[best].looks[look])
        study.tell(first, self.score[best])
        return why_hopeless(study.ask(), rule, self.trials[number].looks[look]) is not None


def replay(study: Study, order: Sequence[int], rules: Sequence[PruningRule]) -> Replayed:
    """Search in this order, with a look by each rule in turn.

    A trial is compared with those that were complete when it was asked for.
    """
    kept, steps, seconds = [], [], []
    for at, number in enumerate(order):
        known = max(0, at - FULL.n_asked_ahead + 1)
        complete = [each for each, is_kept in zip(order[:known], kept, strict=False) if is_kept]
        n_looks, stopped_at = _looked_at(study, number, complete, rules)
        trial = study.trials[number]
        looks_s = n_looks * study.testing_s
        kept.append(stopped_at is None)
        if stopped_at is None:
            steps.append(trial.steps[-1])
            seconds.append(study.seconds[number] + looks_s)
        else:
            steps.append(trial.steps[stopped_at])
            seconds.append(trial.training_s[stopped_at] + looks_s)
    return Replayed(kept=np.array(kept), steps=np.array(steps), seconds=np.array(seconds))


def _looked_at(
    study: Study, number: int, complete: Sequence[int], rules: Sequence[PruningRule]
) -> tuple[int, int | None]:
    """Say how many looks were had, and which of them stopped the trial."""
    for n_before, rule in enumerate(rules):
        if len(complete) >= rule.n_startup_trials:
            best = max(complete, key=lambda each: study.score[each])
            if study.is_hopeless(number, best, rule):
                return n_before + 1, FRACTIONS.index(rule.fraction)
    return len(rules), None


def outcome_of(studies: Sequence[Study], rules: Sequence[PruningRule]) -> dict[str, float]:
    """Average over markets, and over orders of their trials: these were drawn independently."""
    rows = [
        _compare(study, np.random.default_rng(seed).permutation(N_TRIALS), rules)
        for study in studies
        for seed in range(N_ORDERS)
    ]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _compare(study: Study, order: np.ndarray, rules: Sequence[PruningRule]) -> dict[str, float]:
    """Set a search under the rules beside one that lets every trial end."""
    done = replay(study, order.tolist(), rules)
    score, n_steps, seconds = study.score[order], study.n_steps[order], study.seconds[order]
    as_many = slice(None, N_STUDY)
    best = score[as_many].max()
    best_kept = score[as_many][done.kept[as_many]].max()
    within = np.cumsum(done.steps) <= n_steps[as_many].sum()
    return {
        "stopped": 1 - done.kept[as_many].mean(),
        "steps saved": 1 - done.steps[as_many].sum() / n_steps[as_many].sum(),
        "time saved": 1 - done.seconds[as_many].sum() / seconds[as_many].sum(),
        "best stopped": float(best_kept < best),
        "score lost": best - best_kept,
        "gained at equal steps": score[within & done.kept].max() - best,
    }


def real_study(regime: Regime, seed: int, rule: PruningRule | None) -> dict[str, float]:
    """Run a study of the product, whose sampler learns from pruned trials too."""
    search = market(regime, seed)
    profile = replace(MINI, pruning=rule)
    plan = study_plan(search, regime, seed, n_trials=N_STUDY, profile=profile)
    with empty_warehouse() as layout, study_storage(layout) as storage:

        def objective(params: dict[str, Value], number: int, prune: Pruner | None) -> float:
            return run_trial(plan, params, number, search, layout, prune=prune)["score"]

        top_up(plan, layout, storage, objective)
        trials = trial_rows(trial_records([plan], storage), layout).trials
    return {
        "stopped": sum(trial["state"] == "PRUNED" for trial in trials),
        "steps": sum(trial["n_steps"] for trial in trials),
        "best": max(trial["score"] for trial in trials if trial["state"] == "COMPLETE"),
    }


def print_replays(studies: Mapping[tuple[Regime, int], Study]) -> None:
    """Print the outcome of every rule on each kind of market."""
    print(f"{N_ORDERS} orders of {N_TRIALS} random trials on each of {len(studies)} markets.\n")
    head = ("market", "looks after", "p <", "start-up", *OUTCOMES)
    print("|", " | ".join(head), "|")
    print("|" + "---|" * len(head))
    for regime in REGIMES:
        chosen = [study for (kind, _), study in studies.items() if kind == regime]
        for rules in GRID:
            outcome = outcome_of(chosen, rules)
            print("|", " | ".join(_row(regime, rules, outcome)), "|", flush=True)


def _row(regime: Regime, rules: Sequence[PruningRule], outcome: dict[str, float]) -> list[str]:
    looks = ", ".join(f"1/{1 / rule.fraction:.0f}" for rule in rules)
    about = [regime.value, looks, f"{rules[0].p_threshold:.3g}", f"{rules[0].n_startup_trials}"]
    return about + [
        f"{value:+.2f}" if name in SCORES else f"{value:.0%}" for name, value in outcome.items()
    ]


def print_real_studies(n_seeds: int) -> None:
    """Print real studies with and without the rule of the full profile."""
    print("| market | seed | rule | stopped | steps | best score |")
    print("|---|---|---|---|---|---|")
    for seed in range(n_seeds):
        for regime in REGIMES:
            for rule in (None, FULL.pruning):
                each = real_study(regime, seed, rule)
                print(
                    f"| {regime.value} | {seed} | {'full' if rule else 'none'} "
                    f"| {each['stopped']} of {N_STUDY} | {each['steps']:,} "
                    f"| {each['best']:+.3f} |",
                    flush=True,
                )


def print_foresight(studies: Mapping[tuple[Regime, int], Study]) -> None:
    """Print how a look, as the mean over the splits, ranks trials beside their final scores."""
    print("| market | seed |", " | ".join(f"after 1/{1 / share:.0f}" for share in FRACTIONS), "|")
    print("|" + "---|" * (2 + len(FRACTIONS)))
    for (regime, seed), study in studies.items():
        looks = np.mean([trial.looks for trial in study.trials], axis=2).T
        each = [f"{spearmanr(look, study.score).statistic:.2f}" for look in looks]
        print(f"| {regime.value} | {seed} |", " | ".join(each), "|")


def print_looks() -> None:
    """Print what a look costs beside the training of a trial of phase 1 of the full profile."""
    search = market(Regime.REALISTIC, 0)
    plan = study_plan(search, Regime.REALISTIC, 0)
    print("| width | seconds of one look | seconds of 50,000 steps |")
    print("|---|---|---|")
    for width in WIDTHS:
        look_s, rollout_s = look_and_rollout(plan, search, width, n_steps=ROLLOUT)
        print(f"| {width} | {look_s:.1f} | {rollout_s * 50_000 / ROLLOUT:.0f} |", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    recorded = recorded_studies(Path(sys.argv[1]), N_SEEDS)
    studies = {key: Study(trials) for key, trials in recorded.items()}
    print_replays(studies)
    print()
    print_foresight(studies)
    print()
    print_looks()
    print()
    print_real_studies(N_REAL_SEEDS)


if __name__ == "__main__":
    main()
