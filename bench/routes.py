"""Whether a search that is narrowed around an earlier one gets to its best score sooner.

On each planted market a broad search is run; then, with as many trials each: the exploit search
that is narrowed from it, another broad one with other draws, and the first one continued.

    python -m bench.routes FILE    searches the markets missing in FILE, then prints the tables
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from optuna.trial import FrozenTrial

from bench.advisor import over_studies
from bench.planted_study import PlantedStudies
from cappuccino_assets.storage.files import read_json, write_json
from cappuccino_assets.tuning.advisors import KnownTrial
from cappuccino_assets.tuning.narrowing import apply, narrowed_ranges
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.types import FloatArray, Json

MARKETS: Final = range(200, 204)
N_TRIALS: Final = 50
Measure = Callable[[Sequence[float], float], float]
ARMS: Final = ("exploit", "another broad", "broad continued")


def searches_of(market: int) -> Json:
    """Run the four searches of a market; returns their scores in order, and what was narrowed."""
    studies = PlantedStudies(market)
    plan = studies.plan("broad", 2 * N_TRIALS)
    longer = studies.searched(plan)  # its first half is the broad search
    narrowings = narrowed_ranges(plan.space, traded(longer[:N_TRIALS], plan), seed=plan.seed)
    space = apply(plan.space, narrowings)
    exploit = studies.searched(replace(studies.plan("exploit", N_TRIALS), space=space))
    return {
        "broad": _scores(longer[:N_TRIALS]),
        "exploit": _scores(exploit),
        "another broad": _scores(studies.searched(studies.plan("another", N_TRIALS))),
        "broad continued": _scores(longer[N_TRIALS:]),
        "narrowed": [each.to_json() for each in narrowings if each.before != each.after],
    }


def traded(trials: Sequence[FrozenTrial], plan: StudyPlan) -> list[KnownTrial]:
    """Take those that traded in every split, as the route does."""
    return [
        KnownTrial(number=each.number, score=each.value, params=plan.space.values(each.params))
        for each in trials
        if each.value is not None and not each.user_attrs["no_trades"]
    ]


def trials_to_reach(scores: Sequence[float], goal: float) -> int:
    """Count the trials until a score reaches a goal; one more than there are where none does."""
    return next((n for n, score in enumerate(scores, 1) if score >= goal), len(scores) + 1)


def _scores(trials: Sequence[FrozenTrial]) -> list[float]:
    return [each.value for each in trials if each.value is not None]


def print_markets(searches: dict[str, Json]) -> None:
    print("| market | best of broad |", " | ".join(f"{arm}: trials to it" for arm in ARMS), end="")
    print(" | narrowed |")
    print("|" + "---|" * (3 + len(ARMS)))
    for market, each in searches.items():
        goal = max(each["broad"])
        reached = (trials_to_reach(each[arm], goal) for arm in ARMS)
        cells = (f"{n}" if n <= N_TRIALS else f"> {N_TRIALS}" for n in reached)
        much = [row["parameter"] for row in each["narrowed"] if not row["why"].startswith("Not")]
        names = f"{len(each['narrowed']) - len(much)} little; much: {', '.join(much) or 'none'}"
        print(f"| {market} | {goal:+.2f} |", " | ".join(cells), f"| {names} |")


def print_comparison(searches: Sequence[Json]) -> None:
    """Print exploit against each control, market by market: mean differences with intervals."""
    print("| exploit less | trials to reach | mean score | best score | sooner / as soon / later |")
    print("|---|---|---|---|---|")
    for arm in ARMS[1:]:
        sooner = _differences(searches, arm, trials_to_reach)
        means = _differences(searches, arm, lambda scores, goal: float(np.mean(scores)))
        bests = _differences(searches, arm, lambda scores, goal: max(scores))
        cells = (_with_interval(each) for each in (sooner, means, bests))
        signs = " / ".join(str(int((np.sign(sooner) == sign).sum())) for sign in (-1, 0, 1))
        print(f"| {arm} |", " | ".join(cells), f"| {signs} |")


def _differences(searches: Sequence[Json], arm: str, measure: Measure) -> FloatArray:
    """What exploit measures less what another arm does, market by market."""
    goals = [max(each["broad"]) for each in searches]
    pairs = zip(searches, goals, strict=True)
    return np.array([measure(s["exploit"], goal) - measure(s[arm], goal) for s, goal in pairs])


def _with_interval(values: FloatArray) -> str:
    mean = over_studies(values)
    return f"{mean.estimate:+.2f} ({mean.low:+.2f} to {mean.high:+.2f})"


def main() -> None:
    torch.set_num_threads(1)
    path = Path(sys.argv[1])
    known = read_json(path) if path.is_file() else {}
    for market in map(str, MARKETS):
        if market not in known:
            known[market] = searches_of(int(market))
            write_json(path, known)
    searches = {market: known[market] for market in map(str, MARKETS)}
    print(f"{N_TRIALS} trials a search; goal: the best score of the broad one.\n")
    print_markets(searches)
    print()
    print_comparison(list(searches.values()))


if __name__ == "__main__":
    main()
