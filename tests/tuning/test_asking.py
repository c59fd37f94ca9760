from collections.abc import Iterator
from pathlib import Path
from random import Random

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.asking import ask
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.studies import study_storage

pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage:UserWarning")
SPACE = search_space(phase=2, algorithm="ppo", ranges="full")


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[RDBStorage]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with study_storage(WarehouseLayout(root=tmp_path)) as storage:
        yield storage


def study_of(storage: RDBStorage, n_trials: int) -> optuna.Study:
    """A study that has learnt from so many trials, the same each time."""
    study, scores = optuna.create_study(storage=storage, direction="maximize"), Random(0)
    for _ in range(n_trials):
        study.tell(asked(study), scores.gauss(0, 1))
    return study


def asked(study: optuna.Study) -> optuna.Trial:
    study.sampler = optuna.samplers.TPESampler(seed=7)
    return ask(study, SPACE)


def killed_while_asking(study: optuna.Study, n_stored: int) -> None:
    """Store the first values only, and put the trial back."""
    study.sampler = optuna.samplers.TPESampler(seed=7)
    trial = study.ask()
    for parameter in SPACE.parameters[:n_stored]:
        parameter.suggest(trial)
    study._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)


@pytest.mark.parametrize("n_before", [0, 12])  # values are drawn one by one, and learnt
@pytest.mark.parametrize("n_stored", [0, 1, 5, len(SPACE.parameters) - 1])
def test_incident_36_a_trial_that_was_asked_half_way_gets_the_values_that_it_would_have_got(
    storage: RDBStorage, n_before: int, n_stored: int
) -> None:
    expected = asked(study_of(storage, n_before))
    study = study_of(storage, n_before)
    killed_while_asking(study, n_stored)
    again = asked(study)
    assert again.number == expected.number
    assert again.params == expected.params


def test_values_that_were_advised_are_not_drawn(storage: RDBStorage) -> None:
    name = SPACE.parameters[0].raw_name
    first = asked(study_of(storage, 0)).params[name]
    expected, study = study_of(storage, 0), study_of(storage, 0)
    for each in (expected, study):
        each.enqueue_trial({name: first})
    killed_while_asking(study, 3)
    assert asked(study).params == asked(expected).params
