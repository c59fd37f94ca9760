"""What a study of the placebo came to."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from cappuccino_assets.placebo.arms import Arm
from cappuccino_assets.registry.gate import GateReason
from cappuccino_assets.storage.files import read_object
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.types import Json

_DEFLATED: Final = "deflated_sharpe_ratio"


class Variance(StrEnum):
    """By which spread of the trials' Sharpe ratios the best one's is deflated."""

    LEDGER = "ledger"  # of all trials that were tried
    LUCK = "luck"  # that trials without any skill would have
    LARGER = "larger"  # of the two


def by_variance(ledger: float, luck: float) -> dict[str, float]:
    """Tell deflated Sharpe ratios by variance; the larger variance gives the lower one."""
    return {
        Variance.LEDGER.value: ledger,
        Variance.LUCK.value: luck,
        Variance.LARGER.value: min(ledger, luck),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistOutcome:
    """What the gate found of a finalist.

    Attributes:
        vin: The finalist.
        score: Its trial's.
        gated: Whether it passed.
        reasons: Every point of the gate.
        sharpe_excess: Of its test returns above buy and hold; None where they are the same.
        deflated: Its deflated Sharpe ratio by variance; None where it has none.
    """

    vin: str
    score: float
    gated: bool
    reasons: tuple[GateReason, ...]
    sharpe_excess: float | None
    deflated: dict[str, float] | None

    @classmethod
    def of(cls, *, vin: str, score: float, judgement: Json) -> Self:
        """Read what a jury said.

        Args:
            vin: The finalist.
            score: Its trial's.
            judgement: `Judgement.to_json`, or what an archive entry keeps of it.
        """
        trial = judgement["evidence"]["trial"]
        return cls(
            vin=vin,
            score=score,
            gated=judgement["gated"],
            reasons=tuple(GateReason(**reason) for reason in judgement["gate"]["reasons"]),
            sharpe_excess=trial and trial["sharpe_excess"],
            deflated=trial and by_variance(trial["deflated_by_spread"], trial["deflated"]),
        )

    def passes(self, reason: str, variance: Variance) -> bool:
        """Tell whether a point passes, with the deflated Sharpe ratio at a variance."""
        found = next(each for each in self.reasons if each.name == reason)
        if reason != _DEFLATED or self.deflated is None or found.limit is None:
            return found.passed
        return self.deflated[variance] >= found.limit

    def passes_all(self, variance: Variance) -> bool:
        """Tell whether it would be promoted, with the deflated Sharpe ratio at a variance."""
        return all(self.passes(reason.name, variance) for reason in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOutcome:
    """What a whole study came to.

    Attributes:
        arm: Its arm.
        number: Its number in the arm.
        failure: Why it came to nothing; None where it came to its end.
        finalists: Those that were judged, best first; none where the archive's rule chose
            nobody.
        campaign: What its search as a whole shows; None where nobody was judged.
        turnovers: Of its trials of phase 2, per day, in multiples of equity.
        scores: Of the same trials.
        cpu_s: Seconds of a processor that it took.
    """

    arm: Arm
    number: int
    failure: str | None = None
    finalists: tuple[FinalistOutcome, ...] = ()
    campaign: Json | None = None
    turnovers: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()
    cpu_s: float = 0.0

    def promotes(self, variance: Variance | None = None) -> bool:
        """Tell whether it promotes anything.

        Args:
            variance: Of the deflated Sharpe ratio; None asks for what the gate itself said.
        """
        if variance is None:
            return any(each.gated for each in self.finalists)
        return any(each.passes_all(variance) for each in self.finalists)

    def to_json(self) -> Json:
        """Write as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            **value
            | {
                "arm": Arm(value["arm"]),
                "finalists": tuple(_finalist(each) for each in value["finalists"]),
                "turnovers": tuple(value["turnovers"]),
                "scores": tuple(value["scores"]),
            }
        )


def outcome_path(layout: WarehouseLayout, arm: Arm, number: int) -> Path:
    """File of a study's outcome."""
    return layout.placebo / arm.value / f"{number:06d}.json"


def read_outcomes(layout: WarehouseLayout, arm: Arm) -> list[StudyOutcome]:
    """Read what is done of an arm, by number."""
    return [
        StudyOutcome.from_json(read_object(path))
        for path in sorted((layout.placebo / arm.value).glob("[0-9]*.json"))
    ]


def campaign_summary(judgements: Sequence[Json]) -> Json | None:
    """Keep what a campaign's evidence says, but for the logits; None where nobody was judged."""
    if not judgements:
        return None
    evidence = dict(judgements[0]["evidence"]["campaign"])
    found = evidence.pop("overfitting")
    overfitting = found and {name: found[name] for name in found if name != "logits"}
    return evidence | {"overfitting": overfitting}


def _finalist(value: Json) -> FinalistOutcome:
    reasons = tuple(GateReason(**reason) for reason in value["reasons"])
    return FinalistOutcome(**value | {"reasons": reasons})
