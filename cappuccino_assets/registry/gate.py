"""The gate: what a finalist must show before it may be deployed, each point with its number."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from operator import ge, gt, le
from typing import Final, Self

from cappuccino_assets.registry.findings import (
    Findings,
    Retrain,
    excess_sharpes,
    retrain_bound,
)
from cappuccino_assets.registry.limits import GateLimits
from cappuccino_assets.types import Json

# Every point in its order, and how its value is held against its limit.
_PASSES: Final[dict[str, Callable[[float, float], bool]]] = {
    "deflated_sharpe_ratio": ge,
    "probability_of_overfitting": le,
    "holdout_excess_sharpe_ratio": gt,
    "worst_retrained_seed": gt,
    "retrained_seeds_bound": gt,
    "excess_at_higher_costs": gt,
    "turnover": le,
    "exposure": ge,
    "verified": le,
}
_LIMITS: Final = {
    "deflated_sharpe_ratio": "min_deflated_sharpe_ratio",
    "probability_of_overfitting": "max_overfitting",
    "holdout_excess_sharpe_ratio": "min_holdout_excess",
    "turnover": "max_turnover",
    "exposure": "min_exposure",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReason:
    """One point of the gate.

    Attributes:
        name: What is asked.
        passed: Whether it is so.
        value: What was found; None where nothing was.
        limit: What it was held against; None where that is no number.
        text: The same in words.
    """

    name: str
    passed: bool
    value: float | None
    limit: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    """What the gate says of a finalist.

    Attributes:
        limits: What it asked for.
        reasons: Every point, passed or failed.
    """

    limits: GateLimits
    reasons: tuple[GateReason, ...]

    def __post_init__(self) -> None:
        """Refuse what the gate cannot have said.

        Raises:
            ValueError: If a point is missing, foreign or twice, or passed against its own number.
        """
        names = tuple(reason.name for reason in self.reasons)
        if names != tuple(_PASSES):
            raise ValueError(f"A decision has the points {[*_PASSES]}, but got {[*names]}.")
        for reason in self.reasons:
            if reason.limit != _limit_of(reason.name, self.limits):
                raise ValueError(f"{reason.name} is not held against its limit: {reason}.")
            if reason.passed is not False and not _may_pass(reason):
                raise ValueError(f"{reason.name} cannot have passed: {reason}.")

    @property
    def gated(self) -> bool:
        """Whether every point passed: it may be deployed."""
        return all(reason.passed for reason in self.reasons)

    @property
    def text(self) -> str:
        """Why not, in words; which points passed where all did."""
        failed = [reason.text for reason in self.reasons if not reason.passed]
        return "; ".join(failed) or f"all {len(self.reasons)} points passed"

    def to_json(self) -> Json:
        """Write as JSON values."""
        return {
            "gated": self.gated,
            "text": self.text,
            "limits": asdict(self.limits),
            "reasons": [asdict(reason) for reason in self.reasons],
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        reasons = tuple(GateReason(**reason) for reason in value["reasons"])
        return cls(limits=GateLimits(**value["limits"]), reasons=reasons)


def _limit_of(name: str, limits: GateLimits) -> float:
    return float(getattr(limits, _LIMITS[name])) if name in _LIMITS else 0.0


def _may_pass(reason: GateReason) -> bool:
    """A point need not pass where its number does: seeds may be too few."""
    if reason.passed is not True or reason.value is None or reason.limit is None:
        return False
    return _PASSES[reason.name](reason.value, reason.limit)


def decide(findings: Findings, limits: GateLimits) -> GateDecision:
    """Hold a finalist against every limit; the order of the reasons is always the same."""
    reasons = (
        _deflated(findings, limits),
        _overfitting(findings, limits),
        _holdout(findings, limits),
        _worst_retrain(findings.retrains, limits),
        _retrain_bound(findings.retrains, limits),
        _costs(findings, limits),
        _turnover(findings, limits),
        _exposure(findings, limits),
        _whole(findings.faults),
    )
    return GateDecision(limits=limits, reasons=reasons)


def _deflated(findings: Findings, limits: GateLimits) -> GateReason:
    trial, floor = findings.trial, limits.min_deflated_sharpe_ratio
    value = None if trial is None else trial.deflated
    found = "its returns are those of buy and hold" if value is None else f"{value:.3f}"
    return GateReason(
        name="deflated_sharpe_ratio",
        passed=value is not None and value >= floor,
        value=value,
        limit=floor,
        text=f"deflated Sharpe ratio of {findings.campaign.n_trials} trials: {found}, "
        f"at least {floor} is asked for",
    )


def _overfitting(findings: Findings, limits: GateLimits) -> GateReason:
    ceiling, overfitting = limits.max_overfitting, findings.campaign.overfitting
    value = None if overfitting is None else overfitting.pbo
    found = "too few trials to tell" if value is None else f"{value:.3f}"
    return GateReason(
        name="probability_of_overfitting",
        passed=value is not None and value <= ceiling,
        value=value,
        limit=ceiling,
        text=f"probability of overfitting: {found}, at most {ceiling} is allowed",
    )


def _holdout(findings: Findings, limits: GateLimits) -> GateReason:
    value, floor, interval = (
        findings.holdout.excess_sharpe,
        limits.min_holdout_excess,
        findings.holdout_excess,
    )
    width = (
        "no interval, it hardly traded"
        if interval is None
        else f"{interval.confidence:.0%} interval {interval.low:+.2f} to {interval.high:+.2f}"
    )
    return GateReason(
        name="holdout_excess_sharpe_ratio",
        passed=value > floor and interval is not None,
        value=value,
        limit=floor,
        text=f"Sharpe ratio above buy and hold on the hold-out: {value:+.2f} ({width}), "
        f"more than {floor:g} is asked for",
    )


def _worst_retrain(retrains: Sequence[Retrain], limits: GateLimits) -> GateReason:
    values = excess_sharpes(retrains)
    worst = min(values) if values else None
    return GateReason(
        name="worst_retrained_seed",
        passed=worst is not None and worst > 0 and len(retrains) >= limits.n_retrains,
        value=worst,
        limit=0.0,
        text=f"worst of {len(retrains)} other seeds above buy and hold: {_shown(retrains, worst)}, "
        f"more than 0 with {limits.n_retrains} seeds is asked for",
    )


def _retrain_bound(retrains: Sequence[Retrain], limits: GateLimits) -> GateReason:
    bound = retrain_bound(retrains, confidence=limits.retrain_confidence)
    return GateReason(
        name="retrained_seeds_bound",
        passed=bound is not None and bound > 0 and len(retrains) >= limits.n_retrains,
        value=bound,
        limit=0.0,
        text=f"{limits.retrain_confidence:.0%} lower bound of the mean over {len(retrains)} other "
        f"seeds above buy and hold: {_shown(retrains, bound)}, more than 0 is asked for",
    )


def _costs(findings: Findings, limits: GateLimits) -> GateReason:
    value, n_trades = findings.at_higher_costs.excess_sharpe, findings.at_higher_costs.n_trades
    idle = "" if n_trades else " without any trade"
    return GateReason(
        name="excess_at_higher_costs",
        passed=value > 0 and n_trades > 0,
        value=value,
        limit=0.0,
        text=f"Sharpe ratio above buy and hold at {limits.cost_multiple:g} x all costs on the "
        f"hold-out: {value:+.2f}{idle}, more than 0 is asked for",
    )


def _turnover(findings: Findings, limits: GateLimits) -> GateReason:
    value = max(findings.turnover, findings.holdout.turnover)
    return GateReason(
        name="turnover",
        passed=value <= limits.max_turnover,
        value=value,
        limit=limits.max_turnover,
        text=f"turnover: {value:.2f} x equity a day, at most {limits.max_turnover:g} is allowed",
    )


def _exposure(findings: Findings, limits: GateLimits) -> GateReason:
    seeds = [each.exposure for each in findings.retrains if each.exposure is not None]
    value = min(findings.exposure, findings.holdout.exposure, *seeds)
    return GateReason(
        name="exposure",
        passed=value >= limits.min_exposure,
        value=value,
        limit=limits.min_exposure,
        text=f"mean exposure: {value:.1%} of equity, at least {limits.min_exposure:.0%} is asked "
        "for",
    )


def _whole(faults: Sequence[str]) -> GateReason:
    found = "; ".join(faults) or "contract, checksums and money are verified"
    return GateReason(
        name="verified", passed=not faults, value=float(len(faults)), limit=0.0, text=found
    )


def _shown(retrains: Sequence[Retrain], value: float | None) -> str:
    if value is not None:
        return f"{value:+.2f}"
    return "one of them failed or stood aside" if retrains else "none was trained"
