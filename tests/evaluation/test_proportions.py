from math import nan

import pytest
from scipy.stats import binom, binomtest

from cappuccino_assets.evaluation.proportions import (
    proportion_interval,
    proportion_lower_bound,
    proportion_upper_bound,
)

CASES = [(0, 1), (1, 1), (0, 200), (4, 200), (5, 200), (37, 60), (60, 60)]


@pytest.mark.parametrize(("n_hits", "n_cases"), CASES)
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_another_library_agrees(n_hits: int, n_cases: int, confidence: float) -> None:
    def bounds(alternative: str) -> tuple[float, float]:
        test = binomtest(n_hits, n_cases, alternative=alternative)
        return test.proportion_ci(confidence, method="exact")

    found = proportion_interval(n_hits, n_cases, confidence=confidence)

    assert (found.low, found.high) == pytest.approx(bounds("two-sided"), abs=1e-9)
    assert (found.estimate, found.confidence) == (n_hits / n_cases, confidence)
    assert proportion_upper_bound(n_hits, n_cases, confidence=confidence) == pytest.approx(
        bounds("less")[1], abs=1e-9
    )
    assert proportion_lower_bound(n_hits, n_cases, confidence=confidence) == pytest.approx(
        bounds("greater")[0], abs=1e-9
    )


def test_four_of_200_are_the_most_that_show_a_rate_below_5_percent() -> None:
    assert proportion_upper_bound(4, 200) == pytest.approx(0.0452, abs=5e-5)
    assert proportion_upper_bound(5, 200) > 0.05


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_a_bound_holds_at_least_as_often_as_it_says(rate: float) -> None:
    n_cases = 60
    held = sum(
        binom.pmf(n_hits, n_cases, rate)
        for n_hits in range(n_cases + 1)
        if proportion_upper_bound(n_hits, n_cases) >= rate
    )

    assert held >= 0.95


@pytest.mark.parametrize(("n_hits", "n_cases"), [(0, 0), (-1, 5), (6, 5)])
def test_hits_that_are_no_part_of_the_cases_are_refused(n_hits: int, n_cases: int) -> None:
    for bound in (proportion_upper_bound, proportion_lower_bound, proportion_interval):
        with pytest.raises(ValueError, match="Hits are some of the cases"):
            bound(n_hits, n_cases)


@pytest.mark.parametrize("confidence", [0.0, 1.0, nan])
def test_a_confidence_that_is_no_share_is_refused(confidence: float) -> None:
    for bound in (proportion_upper_bound, proportion_lower_bound, proportion_interval):
        with pytest.raises(ValueError, match="A confidence is in"):
            bound(1, 5, confidence=confidence)
