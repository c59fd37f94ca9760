from dataclasses import asdict

import pytest

from cappuccino_assets.placebo.arms import Arm
from cappuccino_assets.placebo.gate_power import Drawn
from cappuccino_assets.placebo.outcomes import StudyOutcome
from cappuccino_assets.placebo.report import Rate, arm_row, placebo_report, report_of
from cappuccino_assets.placebo.timers import CASES
from cappuccino_assets.storage.files import read_json, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from tests.placebo.made import finalist, keep, study

REFUSED = finalist(ledger=0.96, luck=0.5)
DRAWN = Drawn(
    n_finalists=1,
    passed=("turnover",),
    promoted={"ledger": False, "luck": True, "larger": False},
    n_false={"ledger": 0, "luck": 0, "larger": 0},
)


def studies_of(null, random=()):
    return dict.fromkeys(Arm, ()) | {Arm.NULL: null, Arm.RANDOM: random}


@pytest.mark.parametrize(("n_promoting", "bound", "shown"), [(4, 0.0452, True), (5, 0.0518, False)])
def test_four_of_two_hundred_are_shown_to_be_few_and_five_are_not(
    n_promoting, bound, shown
) -> None:
    null = [study(n, finalist() if n < n_promoting else REFUSED) for n in range(100)]
    random = [study(n, REFUSED, arm=Arm.RANDOM) for n in range(100)]
    report = report_of(studies_of(null, random), {})
    rows = report["arms"]
    assert [row["promoting"]["n_hits"] for row in rows] == [n_promoting, 0, n_promoting]
    assert (rows[2]["arm"], rows[2]["n_studies"]) == ("null and random", 200)
    assert rows[2]["promoting"]["bound"] == pytest.approx(bound, abs=5e-5)
    assert report["goal"]["shown"] is shown


def test_a_gate_that_lets_everything_pass_is_seen() -> None:
    report = report_of(studies_of([study(number, finalist()) for number in range(20)]), {})
    (null, together) = report["arms"]
    assert null["promoting"] == null["by_variance"]["larger"] == together["promoting"]
    assert (null["promoting"]["n_hits"], null["promoting"]["bound"]) == (20, 1.0)
    assert not report["goal"]["shown"]


def test_planted_studies_are_no_part_of_the_false_promotions() -> None:
    planted = {Arm.PLANTED_3: [study(0, finalist(), arm=Arm.PLANTED_3)]}
    report = report_of(studies_of([study(0, REFUSED)]) | planted, {})
    assert [row["arm"] for row in report["arms"]] == ["null", "null and random", "planted_3"]
    assert [row["promoting"]["n_hits"] for row in report["arms"]] == [0, 0, 1]


def test_what_is_kept_is_reported_and_the_report_is_kept(tmp_path) -> None:
    layout = WarehouseLayout(root=tmp_path)
    keep(layout, study(0, finalist()))
    write_json(layout.placebo / "gate" / CASES[0].name / "000000.json", {"drawn": [asdict(DRAWN)]})
    report = placebo_report(layout)
    assert report["arms"][0]["n_studies"] == 1
    (power,) = report["power"]
    assert (power["case"], power["n_draws"]) == (CASES[0].name, 1)
    assert [power["promoted"][name]["n_hits"] for name in ("ledger", "luck", "larger")] == [0, 1, 0]
    assert read_json(layout.placebo_report) == report


def test_every_variance_and_every_point_is_counted_alone() -> None:
    row = arm_row("null", [study(0, finalist()), study(1, REFUSED), study(2)])
    assert (row.n_studies, row.n_judged, row.variance_ratio) == (3, 2, 0.5)
    hits = {name: rate and rate.n_hits for name, rate in row.by_variance.items()}
    assert hits == {"ledger": 2, "luck": 1, "larger": 1}
    shares = {name: rate and (rate.n_hits, rate.n_cases) for name, rate in row.points.items()}
    assert shares == {
        "deflated_sharpe_ratio (ledger)": (2, 2),
        "deflated_sharpe_ratio (luck)": (1, 2),
        "deflated_sharpe_ratio (larger)": (1, 2),
        "probability_of_overfitting": (2, 2),
        "verified": (2, 2),
    }


def test_failed_studies_are_shown_and_are_no_evidence() -> None:
    failed = StudyOutcome(arm=Arm.NULL, number=1, failure="TrialFailedError: nothing works")
    row = arm_row("null", [study(0, REFUSED), failed])
    assert (row.n_studies, row.n_failed) == (2, 1)
    assert row.failures == ["TrialFailedError: nothing works"]
    assert row.promoting is not None
    assert row.promoting.n_cases == 1


def test_without_studies_nothing_is_claimed(tmp_path) -> None:
    report = placebo_report(WarehouseLayout(root=tmp_path))
    assert (report["arms"], report["power"], report["goal"]["shown"]) == ([], [], False)
    assert Rate.of([]) is None
