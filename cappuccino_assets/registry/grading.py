"""Grades: what a score is called. A grade describes and proves nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import isfinite
from typing import Final, Self


class Grade(StrEnum):
    """A letter for a score, best first."""

    S = "S"
    A = "A"
    B = "B"
    C = "C"
    D = "D"
    F = "F"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeThresholds:
    """The lowest score of each grade; below the last one is F.

    Args:
        s: Floor of the best grade, and so on downward.
    """

    s: float = 0.30
    a: float = 0.20
    b: float = 0.15
    c: float = 0.10
    d: float = 0.05

    def __post_init__(self) -> None:
        floors = list(self.to_json().values())
        if not all(map(isfinite, floors)) or any(low >= high for high, low in pairwise(floors)):
            raise ValueError(f"Grade thresholds must fall from S to D, but got {floors}.")

    def to_json(self) -> Mapping[str, float]:
        """Floors by grade, best first; they are stored beside every grade."""
        return {
            Grade.S: self.s,
            Grade.A: self.a,
            Grade.B: self.b,
            Grade.C: self.c,
            Grade.D: self.d,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, float]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If a grade lacks its floor or there is another, or they cannot be.
        """
        if set(value) != {letter.value for letter in Grade if letter is not Grade.F}:
            raise ValueError(f"Thresholds are those of S to D, but got {sorted(value)}.")
        return cls(**{letter.lower(): floor for letter, floor in value.items()})


DEFAULT_THRESHOLDS: Final = GradeThresholds()


def grade(score: float, thresholds: GradeThresholds = DEFAULT_THRESHOLDS) -> Grade:
    """Name a score.

    Args:
        score: The study's value of a trial, signed.
        thresholds: Floors of the grades.

    Raises:
        ValueError: If the score is not finite.
    """
    if not isfinite(score):
        raise ValueError(f"Only a finite score has a grade, but got {score=}.")
    for letter, floor in thresholds.to_json().items():
        if score >= floor:
            return Grade(letter)
    return Grade.F
