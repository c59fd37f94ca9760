"""How often the gate lets something through: where nothing is to be found, and where something is.

Everything is told by each variance at which Sharpe ratios can be deflated.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

from cappuccino_assets.evaluation.proportions import (
    proportion_interval,
    proportion_upper_bound,
)
from cappuccino_assets.placebo.arms import FALSE_ARMS, PLANTED_ARMS, Arm
from cappuccino_assets.placebo.gate_power import Drawn, read_draws
from cappuccino_assets.placebo.outcomes import (
    FinalistOutcome,
    StudyOutcome,
    Variance,
    read_outcomes,
)
from cappuccino_assets.placebo.timers import CASES, Case
from cappuccino_assets.storage.files import write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.types import Json

CONFIDENCE: Final = 0.95
HIGHEST_RATE: Final = 0.05  # the bound that 4 promoting studies of 200 come to is 0.045
_TOGETHER: Final = "null and random"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """In how many of some cases something happened.

    Attributes:
        n_hits: In how many.
        n_cases: Of how many.
        low: Lower bound of its probability, two-sided with `high`, by Clopper and Pearson.
        high: Upper bound.
        bound: One-sided upper bound.
    """

    n_hits: int
    n_cases: int
    low: float
    high: float
    bound: float

    @classmethod
    def of(cls, hits: Iterable[bool]) -> "Rate | None":
        """Count; None where there is no case."""
        found = list(hits)
        if not found:
            return None
        n_hits, n_cases = sum(found), len(found)
        interval = proportion_interval(n_hits, n_cases, confidence=CONFIDENCE)
        bound = proportion_upper_bound(n_hits, n_cases, confidence=CONFIDENCE)
        return cls(
            n_hits=n_hits, n_cases=n_cases, low=interval.low, high=interval.high, bound=bound
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """What an arm came to.

    Attributes:
        arm: Its name, or those of several together.
        n_studies: Studies that are done, failed ones included.
        n_failed: Those that came to nothing; no rate counts them.
        failures: Why, each reason once.
        n_judged: Studies in which somebody was judged.
        promoting: Studies in which the gate itself promoted anything; None where none has ended.
        by_variance: The same, if it deflated by each variance.
        points: By point of the gate, finalists that passed it; the deflated Sharpe ratio by each
            variance.
        variance_ratio: Median of the ledger's variance by that of luck; None where nobody was
            judged.
        cpu_s: Mean seconds of a processor per study.
    """

    arm: str
    n_studies: int
    n_failed: int
    failures: list[str]
    n_judged: int
    promoting: Rate | None
    by_variance: dict[str, Rate | None]
    points: dict[str, Rate | None]
    variance_ratio: float | None
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRow:
    """What the gate alone does with searches that are drawn.

    Attributes:
        case: What is drawn.
        n_draws: How many.
        finalist: How often the skilled one was judged at all.
        promoted: By variance, how often it was promoted.
        false: By variance, how often another one was.
        points: How often it passed each point, when it was judged.
    """

    case: str
    n_draws: int
    finalist: Rate | None
    promoted: dict[str, Rate | None]
    false: dict[str, Rate | None]
    points: dict[str, Rate | None]


def placebo_report(layout: WarehouseLayout) -> Json:
    """Read everything that is done, count it, and write it as JSON."""
    report = report_of(
        {arm: read_outcomes(layout, arm) for arm in Arm},
        {case: read_draws(layout, case) for case in CASES},
    )
    write_json(layout.placebo_report, report)
    return report


def report_of(
    studies: Mapping[Arm, Sequence[StudyOutcome]], draws: Mapping[Case, Sequence[Drawn]]
) -> Json:
    """Count studies and draws.

    Returns:
        `arms` and `power`, lists of rows, and `goal`: what is asked of the rate of false promotions
        and whether it is shown.
    """
    false = [study for arm in FALSE_ARMS for study in studies[arm]]
    rows = [arm_row(arm.value, studies[arm]) for arm in FALSE_ARMS]
    together = arm_row(_TOGETHER, false)
    planted = [arm_row(arm.value, studies[arm]) for arm in PLANTED_ARMS]
    power = [power_row(case, each) for case, each in draws.items()]
    return {
        "arms": [asdict(row) for row in [*rows, together, *planted] if row.n_studies],
        "power": [asdict(row) for row in power if row.n_draws],
        "goal": _goal(false),
    }


def arm_row(name: str, studies: Sequence[StudyOutcome]) -> ArmRow:
    """Count the studies of an arm."""
    ended = [study for study in studies if study.failure is None]
    finalists = [finalist for study in ended for finalist in study.finalists]
    failures = {study.failure for study in studies if study.failure is not None}
    ratios = [c["sharpe_variance"] / c["luck_variance"] for s in ended if (c := s.campaign)]
    return ArmRow(
        arm=name,
        n_studies=len(studies),
        n_failed=len(studies) - len(ended),
        failures=sorted(failures),
        n_judged=sum(bool(study.finalists) for study in ended),
        promoting=Rate.of(study.promotes() for study in ended),
        by_variance={
            each.value: Rate.of(study.promotes(each) for study in ended) for each in Variance
        },
        points=_points(finalists),
        variance_ratio=median(ratios) if ratios else None,
        cpu_s=sum(study.cpu_s for study in studies) / max(1, len(studies)),
    )


def power_row(case: Case, draws: Sequence[Drawn]) -> PowerRow:
    """Count the draws of a case."""
    judged = [each.passed for each in draws if each.passed is not None]

    def by_variance(hit: Callable[[Drawn, str], bool]) -> dict[str, Rate | None]:
        return {v.value: Rate.of(hit(each, v.value) for each in draws) for v in Variance}

    points = sorted({point for passed in judged for point in passed})
    return PowerRow(
        case=case.name,
        n_draws=len(draws),
        finalist=Rate.of(each.passed is not None for each in draws),
        promoted=by_variance(lambda each, variance: each.promoted[variance]),
        false=by_variance(lambda each, variance: each.n_false[variance] > 0),
        points={point: Rate.of(point in passed for passed in judged) for point in points},
    )


def _points(finalists: Sequence[FinalistOutcome]) -> dict[str, Rate | None]:
    names = list(dict.fromkeys(reason.name for each in finalists for reason in each.reasons))
    deflated, *others = names or [""]
    points = {
        f"{deflated} ({variance})": Rate.of(each.passes(deflated, variance) for each in finalists)
        for variance in Variance
        if finalists
    }
    return points | {
        name: Rate.of(each.passes(name, Variance.LEDGER) for each in finalists) for name in others
    }


def _goal(studies: Sequence[StudyOutcome]) -> Json:
    """A study that failed might have promoted something, so here it counts as if it had."""
    worst = Rate.of(study.failure is not None or study.promotes() for study in studies)
    return {
        "highest_rate": HIGHEST_RATE,
        "confidence": CONFIDENCE,
        "shown": worst is not None and worst.bound <= HIGHEST_RATE,
    }
