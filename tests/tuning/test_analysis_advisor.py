"""The advisor that is there: it mixes what was good, and names what that rests on."""

import numpy as np
import pytest

from cappuccino_assets.tuning.advisors import KnownTrial, Question
from cappuccino_assets.tuning.analysis_advisor import AdditiveModel, AnalysisAdvisor, ridge
from tests.tuning.test_narrowing import SPACE, trials_of


def question(trials: list[KnownTrial], n_wanted: int = 3, seed: int = 0) -> Question:
    return Question(
        study_name="c/phase2_ppo", space=SPACE, trials=tuple(trials), n_wanted=n_wanted, seed=seed
    )


def test_every_value_it_proposes_is_from_one_of_the_best() -> None:
    trials = trials_of(60, edge=0.5, switch=3.0)
    best = sorted(trials, key=lambda trial: -trial.score)
    proposals = AnalysisAdvisor().propose(question(trials))
    for proposal, n_parents in zip(proposals, (6, 12, 24), strict=True):
        for name, value in proposal.params.items():
            assert value in [each.params[name] for each in best[:n_parents]]


def test_what_it_proposes_has_the_values_that_are_worth_something() -> None:
    trials = trials_of(60, edge=0.5, switch=3.0)
    for proposal in AnalysisAdvisor().propose(question(trials)):
        assert int(proposal.params["strength"]) >= 15
        assert proposal.params["switch"] == "on"
        assert "rests most on strength, switch, " in proposal.reason


def test_nothing_is_proposed_that_was_tried_or_is_not_wanted() -> None:
    trials = trials_of(40, edge=1.0)
    advisor = AnalysisAdvisor()
    first = advisor.propose(question(trials))
    assert len({str(each.params) for each in first}) == 3
    tried = [
        KnownTrial(number=100 + n, score=-99.0, params=each.params) for n, each in enumerate(first)
    ]
    for each in advisor.propose(question([*trials, *tried])):
        assert each.params not in [trial.params for trial in tried]
    assert advisor.propose(question(trials, n_wanted=1)) == first[:1]


def test_the_same_question_has_the_same_answer() -> None:
    trials = trials_of(40, edge=1.0)
    one, other = (AnalysisAdvisor().propose(question(trials, seed=5)) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("n", [0, 20])
def test_too_few_trials_are_no_ground(n: int) -> None:
    assert AnalysisAdvisor().propose(question(trials_of(n, edge=1.0))) == []


def test_trials_of_one_score_or_one_configuration_raise_no_error() -> None:
    alike = [
        KnownTrial(number=n, score=0.0, params=trials_of(1, edge=0)[0].params) for n in range(30)
    ]
    assert AnalysisAdvisor().propose(question(alike)) == []


def test_one_terrible_trial_does_not_turn_the_model() -> None:
    trials = trials_of(60, edge=1.0)
    strongest = max(trials, key=lambda trial: int(trial.params["strength"]))
    ruined = [
        KnownTrial(
            number=each.number, score=-1e9 if each is strongest else each.score, params=each.params
        )
        for each in trials
    ]
    model = AdditiveModel.fitted(SPACE, ruined)
    weak, strong = (strongest.params | {"strength": value} for value in (2, 17))
    assert np.diff(model.worth([weak, strong])) > 0


def test_ridge_is_the_penalised_least_squares_whose_left_out_errors_are_least() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(40, 5))
    target = features @ [1.0, -2.0, 0.0, 0.0, 0.5] + random.normal(size=40)
    target -= target.mean()
    centred = features - features.mean(axis=0)

    def solved(penalty: float) -> np.ndarray:
        return np.linalg.solve(centred.T @ centred + penalty * np.eye(5), centred.T @ target)

    def fault(penalty: float) -> float:
        inverse = np.linalg.inv(centred.T @ centred + penalty * np.eye(5))
        hat = centred @ inverse @ centred.T
        return float(np.mean((target - hat @ target) ** 2) / (1 - np.trace(hat) / 40) ** 2)

    best = min((1.0, 3.0, 10.0, 30.0, 100.0, 300.0), key=fault)
    assert ridge(features, target) == pytest.approx(solved(best))
