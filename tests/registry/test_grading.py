import pytest

from cappuccino_assets.registry.grading import DEFAULT_THRESHOLDS, Grade, GradeThresholds, grade


@pytest.mark.parametrize(
    ("score", "letter"),
    [
        (2.0, "S"),
        (0.30, "S"),
        (0.2999, "A"),
        (0.20, "A"),
        (0.1999, "B"),
        (0.15, "B"),
        (0.10, "C"),
        (0.0999, "D"),
        (0.05, "D"),
        (0.0499, "F"),
        (-3.0, "F"),
    ],
)
def test_a_grade_begins_at_its_floor(score, letter):
    assert grade(score) is Grade(letter)


def test_the_floors_can_be_moved_and_are_told():
    strict = GradeThresholds(s=1.0, a=0.8, b=0.6, c=0.4, d=0.2)
    assert grade(0.5, strict) is Grade.C
    assert strict.to_json() == {"S": 1.0, "A": 0.8, "B": 0.6, "C": 0.4, "D": 0.2}
    assert DEFAULT_THRESHOLDS.to_json()["S"] == 0.30


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_not_finite_has_no_grade(score):
    with pytest.raises(ValueError, match="finite"):
        grade(score)


@pytest.mark.parametrize("floors", [{"a": 0.30}, {"d": 0.4}, {"c": float("nan")}])
def test_floors_that_do_not_fall_are_refused(floors):
    with pytest.raises(ValueError, match="must fall"):
        GradeThresholds(**floors)
