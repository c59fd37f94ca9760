"""Advice: due at fixed counts, inside the space, queued once, and never beyond the target."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from cappuccino_assets.errors import CampaignMismatchError, ConfigurationError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.trial_files import trial_rows
from cappuccino_assets.tuning.advice import ADVICE, advise_if_due, advised, require_valid
from cappuccino_assets.tuning.advisors import OFF, Proposal, advisor_named
from cappuccino_assets.tuning.asking import ask
from cappuccino_assets.tuning.distributions import Value
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.records import trial_records
from cappuccino_assets.tuning.spaces import suggest
from cappuccino_assets.tuning.studies import open_study, study_storage
from tests.tuning.small import PPO, SMALL, small_arrays, small_plan

EVERY = 25
ADVISED = replace(SMALL, advise_every=EVERY)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[RDBStorage]:
    with study_storage(WarehouseLayout(root=tmp_path)) as opened:
        yield opened


def plan_of(n_trials: int = 60, **changes: object) -> StudyPlan:
    return small_plan(small_arrays(10), n_trials=n_trials, **{"profile": ADVISED} | changes)


def score_of(params: dict[str, Value]) -> float:
    return -abs(float(params["gamma"]) - 0.95) - abs(float(params["lookback"]) - 4)


def search(study: optuna.Study, plan: StudyPlan, n_trials: int) -> None:
    """Leave complete trials, drawn at random."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=len(study.trials))
    drawn = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(n_trials):
        trial = drawn.ask()
        drawn.tell(trial, score_of(suggest(trial, plan.space)))
    study.add_trials(drawn.trials)


def queue_of(study: optuna.Study) -> list[tuple[int, dict[str, object], dict[str, object]]]:
    return [
        (trial.number, trial.system_attrs["fixed_params"], trial.user_attrs[ADVICE])
        for trial in study.get_trials(states=(TrialState.WAITING,))
    ]


def test_advice_is_due_when_enough_trials_are_done_and_not_before(storage: RDBStorage) -> None:
    plan = plan_of()
    study = open_study(plan, storage)
    search(study, plan, EVERY - 1)
    advise_if_due(study, plan)
    assert queue_of(study) == []
    search(study, plan, 1)
    advise_if_due(study, plan)
    waiting = queue_of(study)
    assert [advice["place"] for _, _, advice in waiting] == list(range(1, len(waiting) + 1))
    assert 2 <= len(waiting) <= 3
    assert {advice["round"] for _, _, advice in waiting} == {1}
    assert all(len(str(advice["reason"])) > 20 for _, _, advice in waiting)


def test_what_is_queued_is_what_is_tried_next_and_lies_in_the_space(storage: RDBStorage) -> None:
    plan = plan_of()
    study = open_study(plan, storage)
    search(study, plan, EVERY)
    advise_if_due(study, plan)
    for number, raw, _ in queue_of(study):
        trial = ask(study, plan.space)
        assert trial.number == number
        values = plan.space.values(trial.params)
        assert trial.params == raw
        for parameter in plan.space.parameters:
            assert parameter.distribution.contains(values[parameter.name])
        study.tell(trial, 0.0)


def test_the_same_trials_have_the_same_advice_however_often_it_is_asked_for(
    tmp_path: Path,
) -> None:
    plan, found = plan_of(), []
    for name in ("a", "b"):
        with study_storage(WarehouseLayout(root=tmp_path / name)) as storage:
            study = open_study(plan, storage)
            search(study, plan, EVERY)
            for _ in range(1 if name == "a" else 3):
                advise_if_due(study, plan)
            found.append(queue_of(study))
    assert found[0] == found[1]


@pytest.mark.parametrize("n_queued", [0, 1, 2])
def test_a_crash_between_two_steps_loses_and_doubles_nothing(
    storage: RDBStorage, n_queued: int
) -> None:
    """A process that dies has kept the round and queued the first of it, or has kept nothing."""
    plan = plan_of()
    whole = open_study(replace(plan, study_name="small/whole"), storage)
    cut = open_study(plan, storage)
    for study in (whole, cut):
        search(study, plan, EVERY)
    advise_if_due(whole, plan)
    cut.set_user_attr("advice_1", whole.user_attrs["advice_1"])
    for _, raw, advice in queue_of(whole)[:n_queued]:
        cut.enqueue_trial(raw, user_attrs={ADVICE: advice})
    for _ in range(2):
        advise_if_due(cut, plan)
    assert queue_of(cut) == queue_of(whole)


@pytest.mark.parametrize("room", [0, 1, 2])
def test_no_more_is_queued_than_the_target_has_room_for(storage: RDBStorage, room: int) -> None:
    n_running = 3
    plan = plan_of(EVERY + n_running + room)
    study = open_study(plan, storage)
    search(study, plan, EVERY)
    for _ in range(n_running):
        ask(study, plan.space)
    advise_if_due(study, plan)
    assert len(queue_of(study)) == room


def test_each_further_number_of_trials_has_its_own_round(storage: RDBStorage) -> None:
    plan = plan_of(100)
    study = open_study(plan, storage)
    search(study, plan, EVERY)
    for number in (1, 2, 3):
        advise_if_due(study, plan)
        rounds = {advice["round"] for advice in advised(study)}
        assert rounds == set(range(1, number + 1))
        search(study, plan, EVERY)


def test_too_few_complete_trials_are_no_ground_for_advice(storage: RDBStorage) -> None:
    plan = plan_of(profile=replace(SMALL, advise_every=20))
    study = open_study(plan, storage)
    search(study, plan, 20)
    advise_if_due(study, plan)
    assert advised(study) == []
    assert study.user_attrs["advice_1"] == []


@pytest.mark.parametrize(
    "changes",
    [{"advisor": OFF}, {"profile": SMALL}, {"profile": replace(SMALL, advise_every=None)}],
)
def test_who_wants_no_advice_has_none(storage: RDBStorage, changes: dict[str, object]) -> None:
    plan = plan_of(26, **changes)
    assert plan.advice is None
    study = open_study(plan, storage)
    search(study, plan, EVERY)
    advise_if_due(study, plan)
    assert advised(study) == []


def test_a_study_keeps_its_advisor(storage: RDBStorage) -> None:
    search(open_study(plan_of(), storage), plan_of(), 1)
    with pytest.raises(CampaignMismatchError, match=r"its advice differs: .*analysis.* None"):
        open_study(plan_of(advisor=OFF), storage)


@pytest.mark.parametrize(
    ("params", "reason", "message"),
    [
        (PPO, " ", "has no reason"),
        ({k: v for k, v in PPO.items() if k != "gamma"}, "x", "'gamma' is missing"),
        (PPO | {"gama": 0.98}, "x", "'gama' is none of the space's"),
        (PPO | {"gamma": 0.98765}, "x", "gamma is 0.98765"),
        (PPO | {"gamma": float("nan")}, "x", "gamma is nan"),
        (PPO | {"lookback": 3.0}, "x", "lookback is 3.0"),
        (PPO | {"lookback": True}, "x", "lookback is True"),
        (PPO | {"batch_size": "256"}, "x", "batch_size is '256'"),
        (PPO | {"batch_size": None}, "x", "batch_size is None"),
        (PPO | {"learning_rate": 1.0}, "x", "learning_rate is 1.0"),
    ],
)
def test_a_proposal_that_cannot_be_tried_is_refused(
    params: dict[str, Value], reason: str, message: str
) -> None:
    proposal = Proposal(params=params, reason=reason)
    with pytest.raises(ConfigurationError, match=rf"Proposal 1 of the advisor 'x' .*{message}"):
        require_valid([proposal], plan_of().space, n_wanted=1, whose="x")


def test_more_proposals_than_wanted_are_refused() -> None:
    proposal = Proposal(params=PPO, reason="x")
    with pytest.raises(ConfigurationError, match="may propose 1 configurations, but proposes 2"):
        require_valid([proposal] * 2, plan_of().space, n_wanted=1, whose="x")


@pytest.mark.parametrize(
    "name", ["oracle", "no.such:Advisor", f"{__name__}:Nobody", "json:JSONDecoder", ""]
)
def test_an_advisor_that_cannot_be_had_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match=repr(name)):
        advisor_named(name)


def test_what_was_advised_is_in_the_record_of_the_trials(storage: RDBStorage) -> None:
    plan = plan_of()
    study = open_study(plan, storage)
    search(study, plan, EVERY)
    advise_if_due(study, plan)
    for _ in queue_of(study):
        trial = ask(study, plan.space)
        study.tell(trial, state=TrialState.FAIL)
    records = trial_records([plan], storage)
    assert all("advice" not in each for each in records[:EVERY])
    assert [each["advice"]["place"] for each in records[EVERY:]] == [1, 2, 3]
    rows = trial_rows(records[EVERY:], WarehouseLayout(root=Path("nowhere")))
    assert list(rows.advice) == [(plan.study_name, EVERY + n) for n in range(3)]
