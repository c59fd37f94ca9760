from math import inf, nan

import numpy as np
import pytest

from cappuccino_assets.evaluation.confidence import ConfidenceInterval


def test_as_many_draws_lie_below_as_above() -> None:
    found = ConfidenceInterval.from_draws(0.5, np.arange(101.0), confidence=0.9)

    assert (found.low, found.high) == (pytest.approx(5.0), pytest.approx(95.0))
    assert (found.estimate, found.confidence) == (0.5, 0.9)


@pytest.mark.parametrize("bad", [nan, inf])
def test_a_draw_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="Draws must be finite"):
        ConfidenceInterval.from_draws(0.5, np.array([0.1, bad]), confidence=0.9)
    with pytest.raises(ValueError, match="Draws must be finite"):
        ConfidenceInterval.from_draws(0.5, np.array([]), confidence=0.9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimate": nan}, "must be finite"),
        ({"low": -inf}, "must be finite"),
        ({"low": 0.6, "high": 0.4}, "must not be above"),
        ({"confidence": 1.0}, "confidence is in"),
    ],
)
def test_what_is_no_interval_is_refused(change: dict[str, float], message: str) -> None:
    sound = {"estimate": 0.5, "low": 0.4, "high": 0.6, "confidence": 0.95}

    with pytest.raises(ValueError, match=message):
        ConfidenceInterval(**(sound | change))
