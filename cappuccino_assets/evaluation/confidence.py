"""An estimate and the range that its truth is believed to lie in."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from cappuccino_assets.types import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceInterval:
    """An estimate between two bounds.

    Attributes:
        estimate: What was measured; a biased measure may lie outside.
        low: Lower bound.
        high: Upper bound.
        confidence: Share of such intervals that hold the truth, in (0, 1).
    """

    estimate: float
    low: float
    high: float
    confidence: float

    def __post_init__(self) -> None:
        """Refuse what is no interval.

        Raises:
            ValueError: The rule, and the value that breaks it.
        """
        if not np.isfinite([self.estimate, self.low, self.high]).all():
            raise ValueError(f"An interval must be finite, but got {self}.")
        if self.low > self.high:
            raise ValueError(f"The lower bound must not be above the upper one, but got {self}.")
        if not 0 < self.confidence < 1:
            raise ValueError(f"A confidence is in (0, 1), but got {self.confidence=}.")

    @classmethod
    def from_draws(
        cls, estimate: float, draws: FloatArray, *, confidence: float
    ) -> "ConfidenceInterval":
        """Take the percentiles that leave out as much of the draws on either side.

        Args:
            estimate: What was measured.
            draws: What resamples gave, shape (B,).
            confidence: Share of the draws between the bounds.

        Raises:
            ValueError: If a draw is not finite, or there is none.

        References:
            Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
        """
        if not draws.size or not np.isfinite(draws).all():
            raise ValueError(f"Draws must be finite, but got {draws}.")
        tail = (1 - confidence) / 2
        low, high = np.quantile(draws, [tail, 1 - tail])
        return cls(estimate=estimate, low=float(low), high=float(high), confidence=confidence)

    @classmethod
    def of_mean(cls, values: FloatArray, *, confidence: float) -> "ConfidenceInterval":
        """Take Student's interval of a mean, which is right for few values too.

        Args:
            values: Independent observations, shape (N,), at least two.
            confidence: Share of such intervals that hold the mean of all that could be observed.

        Raises:
            ValueError: If there are fewer than two, or one is not finite.

        References:
            Student, "The Probable Error of a Mean" (1908).
        """
        n = len(values)
        if n < 2:
            raise ValueError(f"The spread of a mean takes two values, but got {values}.")
        mean, error = float(values.mean()), float(values.std(ddof=1)) / n**0.5
        margin = float(student.ppf((1 + confidence) / 2, n - 1)) * error
        return cls(estimate=mean, low=mean - margin, high=mean + margin, confidence=confidence)
