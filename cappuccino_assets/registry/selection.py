"""Which trials are worth an archive entry."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from cappuccino_assets.registry.grading import DEFAULT_THRESHOLDS, Grade, GradeThresholds, grade
from cappuccino_assets.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRule:
    """What a trial must reach.

    Args:
        top_percent: Share of the completed trials that may be archived, at least one trial.
        minimum_score: Lowest score.
        grades: Grades that are kept.
        thresholds: Floors of the grades.
        keep_best: Archive the best trial whatever its score, so that a demonstration ends with
            something to look at; its entry says that it was kept for show.
    """

    top_percent: float = 10.0
    minimum_score: float = 0.10
    grades: tuple[Grade, ...] = (Grade.S, Grade.A)
    thresholds: GradeThresholds = DEFAULT_THRESHOLDS
    keep_best: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.top_percent <= 100:
            raise ValueError(
                f"The archived share must be above 0 and at most 100 %, but got {self.top_percent}."
            )
        if not isfinite(self.minimum_score):
            raise ValueError(f"The minimum score must be finite, but got {self.minimum_score}.")

    def select(self, completed: Sequence[Json]) -> list[Json]:
        """Choose among the completed trials of a campaign.

        A trial that did not trade in some split is never chosen.

        Args:
            completed: Rows of the table `trials`, best first by signed score.

        Returns:
            The chosen rows, best first.
        """
        trading = [trial for trial in completed if not trial["no_trades"]]
        limit = max(1, int(len(completed) * self.top_percent / 100))
        chosen = [trial for trial in trading if self.admits(trial["score"])][:limit]
        return chosen or (trading[:1] if self.keep_best else [])

    def admits(self, score: float) -> bool:
        """Say whether a score and its grade reach the rule; what does not is kept for show only."""
        return score >= self.minimum_score and grade(score, self.thresholds) in self.grades


def rule_of(profile: str) -> ArchiveRule:
    """Say what a trial of a campaign of a profile must reach.

    Only a full search may end without anything to look at, and to put to the gate.
    """
    return ArchiveRule(keep_best=profile != "full")
