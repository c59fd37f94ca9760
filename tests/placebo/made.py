"""Outcomes of studies that nobody ran."""

from cappuccino_assets.placebo.arms import Arm
from cappuccino_assets.placebo.outcomes import (
    FinalistOutcome,
    StudyOutcome,
    by_variance,
    outcome_path,
)
from cappuccino_assets.registry.gate import GateReason
from cappuccino_assets.storage.files import write_json
from cappuccino_assets.storage.layout import WarehouseLayout


def finalist(*, ledger: float = 0.99, luck: float = 0.99, others: bool = True) -> FinalistOutcome:
    """One whose deflated Sharpe ratio is `luck` at the gate, and whose other points are alike."""
    reasons = tuple(
        GateReason(name=name, passed=passed, value=value, limit=limit, text="")
        for name, passed, value, limit in (
            ("deflated_sharpe_ratio", luck >= 0.95, luck, 0.95),
            ("probability_of_overfitting", others, 0.1, 0.2),
            ("verified", others, 0.0, 0.0),
        )
    )
    return FinalistOutcome(
        vin="PPO",
        score=0.5,
        gated=all(reason.passed for reason in reasons),
        reasons=reasons,
        sharpe_excess=2.0,
        deflated=by_variance(ledger, luck),
    )


def study(number: int, *finalists: FinalistOutcome, arm: Arm = Arm.NULL) -> StudyOutcome:
    return StudyOutcome(
        arm=arm,
        number=number,
        finalists=finalists,
        campaign={"sharpe_variance": 1.0, "luck_variance": 2.0} if finalists else None,
        turnovers=(0.5, 0.0),
        scores=(0.5, -1.0),
        cpu_s=3.0,
    )


def keep(layout: WarehouseLayout, outcome: StudyOutcome) -> None:
    write_json(outcome_path(layout, outcome.arm, outcome.number), outcome.to_json())
