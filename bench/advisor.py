"""Whether advised trials score more than the study's own of the time: the advisor's uplift.

python -m bench.advisor FILE    searches the markets missing in FILE, then prints the table
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from optuna.trial import FrozenTrial

from bench.planted_study import PlantedStudies
from cappuccino_assets.evaluation.confidence import ConfidenceInterval
from cappuccino_assets.evaluation.uplift import JudgedTrial, advice_uplift
from cappuccino_assets.storage.files import read_json, write_json
from cappuccino_assets.tuning.advice import ADVICE
from cappuccino_assets.tuning.advisors import ANALYSIS
from cappuccino_assets.tuning.analysis_advisor import SHARES
from cappuccino_assets.tuning.profiles import PLACEBO
from cappuccino_assets.types import FloatArray, Json

MARKETS: Final = range(110, 116)
N_TRIALS: Final = 120
EVERY: Final = 25


def study_of(market: int) -> list[Json]:
    """Run an advised study to its target."""
    studies = PlantedStudies(market)
    profile = replace(PLACEBO, advise_every=EVERY)
    plan = studies.plan("advised", N_TRIALS, profile=profile, advisor=ANALYSIS)
    return [_row(each) for each in studies.searched(plan)]


def _row(trial: FrozenTrial) -> Json:
    advice = trial.user_attrs.get(ADVICE)
    kind = None
    if advice is not None:
        kind = next(each for each in SHARES if f"best {each} of" in advice["reason"])
    return {
        "number": trial.number,
        "score": trial.value,
        "round": None if advice is None else advice["round"],
        "kind": kind,
    }


def uplifts(studies: Sequence[list[Json]], kind: str | None) -> tuple[FloatArray, FloatArray]:
    """Uplift and share of pairs won of each study, by one kind of advice, or by all."""
    found = []
    for rows in studies:
        judged = [
            JudgedTrial(**{name: row[name] for name in ("number", "score", "round")})
            for row in rows
            if kind is None or row["kind"] in (None, kind)
        ]
        each = advice_uplift(judged, window=EVERY // 2)
        if each is not None:
            found.append((each.uplift, each.better))
    values = np.array(found)
    return values[:, 0], values[:, 1]


def over_studies(values: FloatArray) -> ConfidenceInterval:
    """The mean with Student's interval over studies, which are independent of each other."""
    return ConfidenceInterval.of_mean(values, confidence=0.95)


def print_table(studies: Sequence[list[Json]]) -> None:
    print("| mixture | studies | uplift | 95 % interval | pairs won | studies above 0 |")
    print("|---|---|---|---|---|---|")
    for kind in (None, *SHARES):
        uplift, better = uplifts(studies, kind)
        mean = over_studies(uplift)
        print(
            f"| {f'of the best {kind}' if kind else 'all'} | {len(uplift)} | {mean.estimate:+.2f} "
            f"| {mean.low:+.2f} to {mean.high:+.2f} | {better.mean():.0%} "
            f"| {(uplift > 0).sum()} of {len(uplift)} |"
        )


def main() -> None:
    torch.set_num_threads(1)
    path = Path(sys.argv[1])
    known = read_json(path) if path.is_file() else {}
    for market in MARKETS:
        if str(market) not in known:
            known[str(market)] = study_of(market)
            write_json(path, known)
    print_table([known[str(market)] for market in MARKETS])


if __name__ == "__main__":
    main()
