import dagster as dg

from cappuccino_assets.ops.metadata import table
from cappuccino_assets.ops.search import study_rows

TRIALS = [
    {"study_name": "a/one", "state": "FAIL", "score": None},
    {"study_name": "a/one", "state": "COMPLETE", "score": -2.0},
    {"study_name": "a/one", "state": "COMPLETE", "score": -1.0},
    {"study_name": "a/two", "state": "COMPLETE", "score": 0.5},
    {"study_name": "a/three", "state": "FAIL", "score": None},
]


def test_studies_are_counted_by_state_whichever_states_they_have() -> None:
    rows = study_rows(TRIALS)

    assert rows == [
        {"study_name": "a/one", "COMPLETE": 2, "PRUNED": 0, "FAIL": 1, "best_score": -1.0},
        {"study_name": "a/two", "COMPLETE": 1, "PRUNED": 0, "FAIL": 0, "best_score": 0.5},
        {"study_name": "a/three", "COMPLETE": 0, "PRUNED": 0, "FAIL": 1, "best_score": None},
    ]


def test_a_study_with_a_failed_trial_beside_one_without_can_be_shown() -> None:
    shown = table(study_rows(TRIALS))

    assert isinstance(shown, dg.TableMetadataValue)
    assert len(shown.records) == 3
