"""A study with many trials, written in bulk: what a long search leaves, in seconds."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import func, insert, select, text

from bench.study import drawn_trials
from cappuccino_assets.tuning.spaces import SearchSpace

_COUNTED = "SELECT setval(pg_get_serial_sequence('trials', 'trial_id'), :last)"
_AT_ONCE = 10_000
_STARTED = datetime(2026, 1, 1)  # noqa: DTZ001 - Optuna keeps naive times
_CLAIM = {"host": "worker-0123456789ab", "pid": 123456, "started": 1790000000.25}


def fill_study(storage: RDBStorage, study_name: str, space: SearchSpace, *, n_trials: int) -> None:
    """Add complete trials to a study, as workers would have left them; make it where it is absent.

    The values are those of a random search, in turn; the scores are drawn.

    Args:
        storage: An opened database.
        study_name: The study.
        space: What it searches.
        n_trials: How many trials to add.
    """
    names = {study.study_name: study._study_id for study in storage.get_all_studies()}
    study_id = names.get(study_name)
    if study_id is None:
        study_id = storage.create_new_study([StudyDirection.MAXIMIZE], study_name)
    drawn = drawn_trials(space, 1000)
    with storage.engine.begin() as connection:
        trials = models.TrialModel.__table__
        in_study = trials.c.study_id == study_id
        n_before = connection.execute(select(func.count()).where(in_study)).scalar_one()
        first = (connection.execute(select(func.max(trials.c.trial_id))).scalar_one() or 0) + 1
        left = iter(range(n_trials))
        while batch := list(islice(left, _AT_ONCE)):
            for table, rows in _rows(batch, first, n_before, study_id, drawn):
                connection.execute(insert(table), rows)
        if connection.dialect.name == "postgresql":  # where a given number is not counted
            connection.execute(text(_COUNTED), {"last": first + n_trials - 1})


def _rows(
    batch: list[int], first_id: int, first_number: int, study_id: int, drawn: list[FrozenTrial]
) -> Iterator[tuple[object, list[dict]]]:
    scores = random.Random(first_number + batch[0])
    params: list[dict] = []
    trials, values, beats, claims = [], [], [], []
    for each in batch:
        trial_id, at = first_id + each, _STARTED + timedelta(minutes=each)
        trials.append(
            {
                "trial_id": trial_id,
                "number": first_number + each,
                "study_id": study_id,
                "state": TrialState.COMPLETE,
                "datetime_start": at,
                "datetime_complete": at + timedelta(minutes=3),
            }
        )
        score = scores.gauss(0, 1)
        kind = models.TrialValueModel.TrialValueType.FINITE
        values.append({"trial_id": trial_id, "objective": 0, "value": score, "value_type": kind})
        beats.append({"trial_id": trial_id, "heartbeat": at})
        claim = json.dumps(_CLAIM)
        claims.append({"trial_id": trial_id, "key": "worker", "value_json": claim})
        params += _params(trial_id, drawn[each % len(drawn)])
    yield models.TrialModel.__table__, trials
    yield models.TrialValueModel.__table__, values
    yield models.TrialParamModel.__table__, params
    yield models.TrialUserAttributeModel.__table__, claims
    yield models.TrialHeartbeatModel.__table__, beats


def _params(trial_id: int, drawn: FrozenTrial) -> Iterator[dict]:
    for name, value in drawn.params.items():
        distribution: BaseDistribution = drawn.distributions[name]
        yield {
            "trial_id": trial_id,
            "param_name": name,
            "param_value": distribution.to_internal_repr(value),
            "distribution_json": distribution_to_json(distribution),
        }
