"""Whole studies, from the market to the gate's word."""

import pytest

from cappuccino_assets.errors import ConfigurationError, TrialFailedError
from cappuccino_assets.placebo.arms import Arm, market_of
from cappuccino_assets.placebo.random_search import trade_and_judge
from cappuccino_assets.placebo.runner import run_studies
from cappuccino_assets.placebo.search import NAME
from cappuccino_assets.placebo.studies import (
    learned_study,
    matched_turnovers,
    outcome_of,
    random_study,
)
from cappuccino_assets.registry.limits import DEFAULT_LIMITS
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerKind
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.results import complete_trials
from tests.placebo.made import keep, study

TURNOVERS = (0.3, 0.05, 0.0)
N_POINTS = 9


@pytest.fixture(scope="module")
def at_random(tmp_path_factory):
    """A warehouse in which three agents traded at random, and what was said of the best one."""
    warehouse = Warehouse(WarehouseLayout(root=tmp_path_factory.mktemp("random")))
    return warehouse, trade_and_judge(market_of(Arm.RANDOM, 0), warehouse, TURNOVERS)


def test_random_agents_trade_about_as_much_as_those_that_they_match(at_random) -> None:
    warehouse, judged = at_random
    outcome = outcome_of(Arm.RANDOM, 0, complete_trials(warehouse, NAME, 2), judged)
    assert sorted(outcome.turnovers) == pytest.approx(sorted(TURNOVERS), abs=0.05, rel=0.4)


def test_random_agents_are_put_to_the_whole_gate(at_random) -> None:
    (judged,) = at_random[1]
    assert len(judged["gate"]["reasons"]) == N_POINTS
    assert judged["gate"]["limits"]["min_deflated_sharpe_ratio"] == 0.95
    assert judged["evidence"]["campaign"]["n_trials"] == len(TURNOVERS)
    assert len(judged["retrains"]) == DEFAULT_LIMITS.n_retrains
    assert judged["costs"]["ledger"]["first_fault"] is None
    assert not judged["gated"]


def test_every_step_of_random_agents_is_in_the_ledger(at_random) -> None:
    lines = TrialLedger(at_random[0]).copied_lines()
    kinds = [line.row.kind for line in lines]
    assert kinds == [
        *[LedgerKind.TRIAL] * len(TURNOVERS),
        LedgerKind.HOLDOUT_OPENING,
        *[LedgerKind.RETRAIN] * DEFAULT_LIMITS.n_retrains,
        LedgerKind.GATE_DECISION,
    ]


def test_other_seeds_trade_otherwise(at_random) -> None:
    scores = [each["score"] for each in at_random[1][0]["retrains"]]
    assert len(set(scores)) == DEFAULT_LIMITS.n_retrains


def test_random_agents_need_trials_to_match(tmp_path) -> None:
    with pytest.raises(TrialFailedError, match="has none"):
        random_study(0, tmp_path, ())


def test_random_agents_match_the_first_learners_by_turns(tmp_path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    keep(layout, study(3))
    assert matched_turnovers(layout, 3) == matched_turnovers(layout, 23) == study(3).turnovers
    with pytest.raises(ConfigurationError, match="study 4 is not done"):
        matched_turnovers(layout, 4)


def test_what_is_done_is_not_run_again(tmp_path) -> None:
    layout, told = WarehouseLayout(root=tmp_path), []
    keep(layout, study(0))
    keep(layout, study(0, arm=Arm.RANDOM))
    arms = (Arm.RANDOM, Arm.NULL)
    run_studies(arms, layout, n_studies=1, n_workers=1, on_study=told.append)
    assert told == []
    assert not (layout.placebo / ".private").exists()


@pytest.mark.parametrize(("n_studies", "n_workers"), [(0, 1), (1, 0)])
def test_counts_are_positive(tmp_path, n_studies, n_workers) -> None:
    layout = WarehouseLayout(root=tmp_path)
    with pytest.raises(ValueError, match="1 at least"):
        run_studies([Arm.NULL], layout, n_studies=n_studies, n_workers=n_workers)


@pytest.mark.slow
def test_a_study_is_the_same_in_a_worker_and_leaves_its_outcome_alone(tmp_path) -> None:
    layout, told = WarehouseLayout(root=tmp_path), []
    run_studies([Arm.NULL], layout, n_studies=1, n_workers=1, on_study=told.append)
    (outcome,) = told
    here = learned_study(Arm.NULL, 0, tmp_path / "here")
    assert (outcome.scores, outcome.finalists) == (here.scores, here.finalists)
    assert outcome.failure is None
    assert len(outcome.finalists[0].reasons) == N_POINTS
    left = sorted(path.name for path in layout.placebo.rglob("*") if path.is_file())
    assert left == [".lock", "000000.json"]
