"""The gate: nothing passes that fails one point, and each point says its number."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cappuccino_assets.registry.findings import Findings, Retrain, retrain_bound
from cappuccino_assets.registry.gate import GateDecision, GateReason, decide
from cappuccino_assets.registry.limits import DEFAULT_LIMITS, GateLimits
from tests.registry.findings import (
    CAMPAIGN,
    FAILED_SEED,
    HOLDOUT,
    SOUND,
    TRIAL,
    of_excesses,
    retrain,
)

assert CAMPAIGN.overfitting is not None
OVERFITTED = replace(CAMPAIGN, overfitting=replace(CAMPAIGN.overfitting, pbo=0.201))
UNTOLD = replace(CAMPAIGN, overfitting=None)
FIVE = tuple(retrain(seed, 1.0 + seed / 10) for seed in range(5))
SPOILED: list[tuple[str, dict[str, Any], float | None]] = [
    (
        "deflated_sharpe_ratio",
        {"trial": replace(TRIAL, deflated=0.9499, deflated_by_spread=0.99)},
        0.9499,
    ),
    ("deflated_sharpe_ratio", {"trial": None}, None),
    ("probability_of_overfitting", {"campaign": OVERFITTED}, 0.201),
    ("probability_of_overfitting", {"campaign": UNTOLD}, None),
    ("holdout_excess_sharpe_ratio", {"holdout": replace(HOLDOUT, sharpe_bot=0.5)}, 0.0),
    ("holdout_excess_sharpe_ratio", {"holdout": replace(HOLDOUT, sharpe_bot=-0.1)}, -0.6),
    ("excess_at_higher_costs", {"at_higher_costs": replace(HOLDOUT, sharpe_bot=0.4)}, -0.1),
    ("turnover", {"turnover": 5.1}, 5.1),
    ("turnover", {"holdout": replace(HOLDOUT, turnover=5.2)}, 5.2),
    ("exposure", {"exposure": 0.049}, 0.049),
    ("exposure", {"retrains": (*FIVE, retrain(5, 1.0, exposure=0.01))}, 0.01),
    ("holdout_excess_sharpe_ratio", {"holdout_excess": None}, 1.0),
    ("excess_at_higher_costs", {"at_higher_costs": replace(HOLDOUT, n_trades=0)}, 1.0),
    ("exposure", {"holdout": replace(HOLDOUT, exposure=0.0)}, 0.0),
    ("verified", {"faults": ("returns.parquet is not what the ledger says",)}, 1.0),
]


def failed(findings: Findings, limits: GateLimits = DEFAULT_LIMITS) -> dict[str, float | None]:
    reasons = decide(findings, limits).reasons
    return {reason.name: reason.value for reason in reasons if not reason.passed}


def test_what_passes_every_point_is_gated() -> None:
    decision = decide(SOUND, DEFAULT_LIMITS)

    assert decision.gated
    assert decision.text == "all 9 points passed"
    assert len({reason.name for reason in decision.reasons}) == 9


@pytest.mark.parametrize(("name", "change", "value"), SPOILED)
def test_one_failed_point_is_enough(name: str, change: dict[str, Any], value: float | None) -> None:
    decision = decide(replace(SOUND, **change), DEFAULT_LIMITS)

    (reason,) = [each for each in decision.reasons if not each.passed]
    assert not decision.gated
    assert reason.name == name
    assert reason.value == (None if value is None else pytest.approx(value))
    assert decision.text == reason.text


@pytest.mark.parametrize(
    ("retrains", "worst", "bound_passes"),
    [
        (of_excesses(0.8, 0.9, 1.0, 1.1, -0.01), -0.01, True),
        (of_excesses(0.8, 0.9, 1.0, 1.1, 0.0), 0.0, True),
        (of_excesses(*[0.01] * 4, 3.0), 0.01, False),
    ],
)
def test_the_worst_seed_and_the_bound_of_all_count_not_the_best(
    retrains: tuple[Retrain, ...], worst: float, bound_passes: bool
) -> None:
    found = failed(replace(SOUND, retrains=retrains))

    assert ("retrained_seeds_bound" not in found) is bound_passes
    assert found.get("worst_retrained_seed", worst) == worst
    assert ("worst_retrained_seed" in found) is (worst <= 0)


@pytest.mark.parametrize(
    "retrains",
    [
        (),
        of_excesses(1.0, 1.1, 1.2, 1.3),
        (*FIVE, FAILED_SEED),
        (*FIVE, retrain(5, 1.0, no_trades=True)),
    ],
)
def test_fewer_than_five_seeds_or_one_that_failed_or_stood_aside_do_not_pass(
    retrains: tuple[Retrain, ...],
) -> None:
    assert set(failed(replace(SOUND, retrains=retrains))) == {
        "worst_retrained_seed",
        "retrained_seeds_bound",
    }


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=12))
def test_the_bound_is_students(excesses: list[float]) -> None:
    bound = retrain_bound(of_excesses(*excesses), confidence=0.95)

    assert bound is not None
    error = stats.sem(excesses)
    if error > 1e-9:
        low, _ = stats.t.interval(
            0.9, len(excesses) - 1, loc=sum(excesses) / len(excesses), scale=error
        )
        assert bound == pytest.approx(low, abs=1e-9)
    else:
        assert bound == pytest.approx(min(excesses), abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"turnover": math.nan},
        {"exposure": math.inf},
        {"holdout": replace(HOLDOUT, turnover=math.nan)},
        {"at_higher_costs": replace(HOLDOUT, exposure=math.nan)},
        {"retrains": (retrain(1, 1.0), retrain(1, 1.0))},
    ],
)
def test_findings_that_nothing_can_be_decided_from_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="got"):
        replace(SOUND, **change)


def test_a_decision_that_the_gate_cannot_have_made_is_refused() -> None:
    decision = decide(replace(SOUND, exposure=0.01), DEFAULT_LIMITS)
    *others, exposure, last = decision.reasons
    forged: list[tuple[GateReason, ...]] = [
        (),
        tuple(reason for reason in decision.reasons if reason.passed),
        (*others, replace(exposure, passed=True), last),
        (*others, replace(exposure, passed=True, value=0.4, limit=0.0), last),
        (*others, replace(exposure, passed=True, value=math.nan), last),
        (*others, replace(exposure, value=0.4, passed=1), last),  # type: ignore[arg-type]
    ]
    for reasons in forged:
        with pytest.raises(ValueError, match=r"got|passed|limit"):
            GateDecision(limits=DEFAULT_LIMITS, reasons=reasons)


def test_every_limit_is_heard() -> None:
    strict = {
        "min_deflated_sharpe_ratio": ("deflated_sharpe_ratio", 0.98),
        "max_overfitting": ("probability_of_overfitting", 0.05),
        "min_holdout_excess": ("holdout_excess_sharpe_ratio", 1.0),
        "n_retrains": ("worst_retrained_seed", 6),
        "retrain_confidence": ("retrained_seeds_bound", 1 - 1e-9),
        "max_turnover": ("turnover", 0.5),
        "min_exposure": ("exposure", 0.45),
    }
    for limit, (name, value) in strict.items():
        assert name in failed(SOUND, replace(DEFAULT_LIMITS, **{limit: value})), limit


def test_a_decision_is_read_as_it_was_written() -> None:
    decision = decide(replace(SOUND, trial=None), DEFAULT_LIMITS)

    assert GateDecision.from_json(decision.to_json()) == decision


@pytest.mark.parametrize(
    "change",
    [
        {"min_deflated_sharpe_ratio": 1.0},
        {"max_overfitting": 0.0},
        {"min_exposure": -0.1},
        {"n_retrains": 1},
        {"max_turnover": math.inf},
        {"min_holdout_excess": math.nan},
        {"cost_multiple": 0.5},
        {"retrain_confidence": 2.0},
    ],
)
def test_limits_that_cannot_be_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="got"):
        GateLimits(**change)
