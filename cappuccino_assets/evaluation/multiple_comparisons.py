"""P-values of many questions asked at once, adjusted for how many there are."""

import numpy as np

from cappuccino_assets.types import FloatArray, IntArray


def holm(p_values: FloatArray) -> FloatArray:
    """Adjust so that a single false finding among all is as rare as each level says.

    Args:
        p_values: One per question, shape (P,), in [0, 1]; they may depend on each other.

    Returns:
        Adjusted p-values, shape (P,), in the order of the questions.

    Raises:
        ValueError: If there is none, or one is no probability.

    References:
        Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
    """
    order = _ascending(p_values)
    n = len(order)
    adjusted = np.empty(n)
    adjusted[order] = np.maximum.accumulate(p_values[order] * np.arange(n, 0, -1))
    return np.minimum(adjusted, 1.0)


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Adjust so that the expected share of false ones among the findings is what each level says.

    Args:
        p_values: One per question, shape (P,), in [0, 1]; independent, or positively dependent.

    Returns:
        Adjusted p-values, shape (P,), in the order of the questions.

    Raises:
        ValueError: If there is none, or one is no probability.

    References:
        Benjamini and Hochberg, "Controlling the False Discovery Rate" (1995).
    """
    order = _ascending(p_values)[::-1]
    n = len(order)
    adjusted = np.empty(n)
    adjusted[order] = np.minimum.accumulate(p_values[order] * n / np.arange(n, 0, -1))
    return adjusted


def _ascending(p_values: FloatArray) -> IntArray:
    if p_values.ndim != 1 or not p_values.size:
        raise ValueError(f"There must be p-values in a row, but got shape {p_values.shape}.")
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise ValueError(f"A p-value is in [0, 1], but got {p_values}.")
    return p_values.argsort(kind="stable")
