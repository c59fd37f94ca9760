"""Exact bounds of a probability of which a count of cases is known."""

from scipy.special import betaincinv

from cappuccino_assets.evaluation.confidence import ConfidenceInterval


def proportion_upper_bound(n_hits: int, n_cases: int, *, confidence: float = 0.95) -> float:
    """Bound a probability from above, by Clopper and Pearson.

    Args:
        n_hits: Cases in which it happened.
        n_cases: All cases, independent of each other.
        confidence: Share of samples whose bound is not below the truth, at least; in (0, 1).

    Returns:
        The largest probability at which so few hits are not yet too unlikely; 1 if all are hits.

    Raises:
        ValueError: If there is no case, the hits are none of them, or the confidence is no share.

    References:
        Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of
        the binomial", Biometrika (1934).
    """
    _require_counts(n_hits, n_cases, confidence)
    if n_hits == n_cases:
        return 1.0
    return float(betaincinv(n_hits + 1, n_cases - n_hits, confidence))


def proportion_lower_bound(n_hits: int, n_cases: int, *, confidence: float = 0.95) -> float:
    """Bound a probability from below, as `proportion_upper_bound` does from above."""
    _require_counts(n_hits, n_cases, confidence)
    if n_hits == 0:
        return 0.0
    return float(betaincinv(n_hits, n_cases - n_hits + 1, 1 - confidence))


def proportion_interval(
    n_hits: int, n_cases: int, *, confidence: float = 0.95
) -> ConfidenceInterval:
    """Bound a probability from both sides, each with half of what may go wrong.

    Raises:
        ValueError: If there is no case, the hits are none of them, or the confidence is no share.
    """
    _require_counts(n_hits, n_cases, confidence)
    one_sided = (1 + confidence) / 2
    return ConfidenceInterval(
        estimate=n_hits / n_cases,
        low=proportion_lower_bound(n_hits, n_cases, confidence=one_sided),
        high=proportion_upper_bound(n_hits, n_cases, confidence=one_sided),
        confidence=confidence,
    )


def _require_counts(n_hits: int, n_cases: int, confidence: float) -> None:
    if n_cases < 1 or not 0 <= n_hits <= n_cases:
        raise ValueError(f"Hits are some of the cases, but got {n_hits=} of {n_cases=}.")
    if not 0 < confidence < 1:
        raise ValueError(f"A confidence is in (0, 1), but got {confidence=}.")
