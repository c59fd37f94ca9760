import pytest

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.ops.agreement import require_equal

STUDIES = {("a/one", 0): ("COMPLETE", -1.0), ("a/one", 1): ("FAIL", None)}


def test_a_running_study_may_be_ahead_of_the_database() -> None:
    require_equal(STUDIES, {("a/one", 0): ("COMPLETE", -1.0)}, finished=())


def test_nothing_of_a_finished_study_may_be_missing() -> None:
    with pytest.raises(IntegrityError, match="Trial 1 of a/one"):
        require_equal(STUDIES, {("a/one", 0): ("COMPLETE", -1.0)}, finished=("a/one",))


def test_a_score_may_not_differ() -> None:
    with pytest.raises(IntegrityError, match=r"Trial 0 of a/one.*-1.0.*0.5"):
        require_equal(STUDIES, {("a/one", 0): ("COMPLETE", 0.5)}, finished=())


def test_the_database_may_not_hold_a_trial_that_no_study_has() -> None:
    with pytest.raises(IntegrityError, match="Trial 7 of a/one"):
        require_equal(STUDIES, {("a/one", 7): ("COMPLETE", 0.5)}, finished=())
