"""Advisors from elsewhere: what they get wrong costs a study their advice, and nothing else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from optuna.storages import RDBStorage

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.advice import advise_if_due, advised
from cappuccino_assets.tuning.advisors import FAULT, Proposal, Question
from cappuccino_assets.tuning.asking import ask
from cappuccino_assets.tuning.studies import open_study, publish_plan, study_storage
from cappuccino_assets.tuning.workers import join_studies
from tests.tuning.small import PPO, SMALL
from tests.tuning.test_advice import EVERY, plan_of, queue_of, search
from tests.tuning.test_joining import ignore, stored_plan


class Lucky:
    """Proposes one configuration, whatever was found."""

    def propose(self, question: Question) -> Sequence[Proposal]:
        return [Proposal(params=PPO | {"gamma": 0.98}, reason="It feels lucky.")]


class Outsider:
    """Proposes what lies outside of the space."""

    def propose(self, question: Question) -> Sequence[Proposal]:
        best = max(question.trials, key=lambda trial: trial.score)
        return [Proposal(params={**best.params, "clip_range": 0.42}, reason="Why not?")]


class Broken:
    """Has no answer."""

    def propose(self, question: Question) -> Sequence[Proposal]:
        raise OSError("The service is down." + 5_000 * "!")


class Unborn:
    """Cannot be made."""

    def __init__(self) -> None:
        raise RuntimeError("No key.")

    def propose(self, question: Question) -> Sequence[Proposal]:
        return []


class Babbler:
    """Answers, but not what it was asked."""

    def propose(self, question: Question) -> object:
        return 42


class Copier:
    """Proposes what was found to be best, and twice what is new."""

    def propose(self, question: Question) -> Sequence[Proposal]:
        best = max(question.trials, key=lambda trial: trial.score)
        each = (best.params, PPO | {"gamma": 0.98}, PPO | {"gamma": 0.98})
        return [Proposal(params=params, reason="It is good.") for params in each]


Own = Callable[[type], str]


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Own:
    """Names an advisor in the settings."""

    def name_it(kind: type) -> str:
        name = f"{__name__}:{kind.__name__}"
        monkeypatch.setenv("CAPPUCCINO_ADVISOR", name)
        return name

    return name_it


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[RDBStorage]:
    with study_storage(WarehouseLayout(root=tmp_path)) as opened:
        yield opened


def test_another_advisor_is_asked_by_its_name(storage: RDBStorage, own: Own) -> None:
    plan = plan_of(advisor=own(Lucky))
    study = open_study(plan, storage)
    search(study, plan, EVERY)
    advise_if_due(study, plan)
    ((_, raw, advice),) = queue_of(study)
    assert raw["one_minus_gamma"] == 0.02
    assert advice == {"round": 1, "place": 1, "reason": "It feels lucky."}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Outsider, "ConfigurationError: Proposal 1 of the advisor "),
        (Broken, "OSError: The service is down.!"),
        (Unborn, "No key."),
        (Babbler, "TypeError: object of type 'int' has no len()"),
    ],
)
def test_an_advisor_that_fails_proposes_nothing_and_what_was_wrong_is_kept(
    storage: RDBStorage, own: Own, kind: type, message: str
) -> None:
    plan = plan_of(advisor=own(kind))
    study = open_study(plan, storage)
    search(study, plan, EVERY)
    for _ in range(2):
        advise_if_due(study, plan)
    assert advised(study) == []
    assert study.user_attrs["advice_1"] == []
    assert message in study.user_attrs[f"{FAULT}1"]
    assert len(study.user_attrs[f"{FAULT}1"]) <= 1_000
    search(study, plan, EVERY)
    advise_if_due(study, plan)
    assert f"{FAULT}2" in study.user_attrs  # it is asked again when it is time


def test_what_is_known_already_is_not_tried_again(storage: RDBStorage, own: Own) -> None:
    plan = plan_of(100, advisor=own(Copier))
    study = open_study(plan, storage)
    search(study, plan, EVERY)
    advise_if_due(study, plan)
    ((_, raw, advice),) = queue_of(study)
    assert raw["one_minus_gamma"] == 0.02
    assert advice["place"] == 1
    search(study, plan, EVERY)
    advise_if_due(study, plan)  # it is queued
    assert study.user_attrs["advice_2"] == []
    ask(study, plan.space)
    search(study, plan, EVERY)
    advise_if_due(study, plan)  # it runs
    assert study.user_attrs["advice_3"] == []
    assert len(advised(study)) == 1


def test_what_only_a_study_names_is_not_imported(storage: RDBStorage) -> None:
    plan = plan_of(advisor="tests.tuning.imports_nobody_asked_for:Advisor")
    study = open_study(plan, storage)
    search(study, plan, EVERY)
    with pytest.raises(
        ConfigurationError, match=r"Set CAPPUCCINO_ADVISOR=tests\.tuning\.imports_n"
    ):
        advise_if_due(study, plan)
    assert "advice_1" not in study.user_attrs  # who may import it goes on


def test_who_joins_a_study_imports_only_what_the_settings_name(tmp_path: Path, own: Own) -> None:
    layout = WarehouseLayout(root=tmp_path)
    name = own(Lucky)
    own(Broken)
    profile = replace(SMALL, advise_every=1)
    plan = stored_plan(layout, n_trials=2, profile=profile, advisor=name)
    with study_storage(layout) as storage:
        publish_plan(plan, storage, layout)
        with pytest.raises(ConfigurationError, match=f"Set CAPPUCCINO_ADVISOR={name}"):
            join_studies("small", n_workers=1, layout=layout, on_progress=ignore)
        assert not open_study(plan, storage).trials
