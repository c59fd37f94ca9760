"""What the pages show at the width of a terminal: numbers stay whole, texts fold."""

import io
import json
import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cappuccino_assets.cli.output import answer_console, print_json
from cappuccino_assets.cli.screens import print_outcome, print_status

NOW = {
    "search_is_under_way": False,
    "workers": [],
    "following": {"astray": [], "agreed": True, "text": ""},
    "unfinished_runs": [],
    "closed_runs": [],
}
VIN = "PPO-A-N128B1K-L2.5E5G98.5-LB5TD20-20260214-3f9a1c"


def result(study, score, *, idle):
    return {
        "study_name": f"winter/{study}",
        "best_trial_number": 123,
        "best_value": score,
        "best_sharpe_bot": score + 1.5,
        "best_sharpe_hodl": -0.456,
        "n_trials": 150,
        "no_trades": idle,
    }


def standing(*, idle=False, below=False):
    phase1 = result("phase1_10d_30m", 0.234, idle=idle)
    both = {
        "ppo": result("phase2_ppo", 0.345, idle=idle),
        "ddqn": result("phase2_ddqn", -0.567, idle=False),
    }
    entry = {"vin": VIN, "grade": "S", "score": 0.345, "below_threshold": below, "gated": False}
    entry |= {"failed_points": ["exposure"], "n_points": 9}
    study = {f"n_{state}": 37 for state in ("complete", "pruned", "failed", "running")}
    return {
        "campaign": {
            "name": "winter",
            "source": "simulated:realistic:0",
            "profile": "full",
            "started_at": "2026-02-14T01:02:03+00:00",
            "completed_at": "2026-02-14T09:08:07+00:00",
        },
        "studies": [study | {"study_name": "winter/phase1_10d_30m", "best_score": 0.234}],
        "phase1_winner": phase1 | {"timeframe": "10d", "interval": "30m"},
        "phase2_comparison": {"winner": "ppo", "results": both},
        "archive": [entry],
        "ensemble": {"generation": 1, "members": [{}]},
        "ensemble_remark": None,
        "verdict": "That proves nothing.",
        "now": NOW,
        "files": {"archive": "/a/folder [of mine]/archive"},
    }


def page(show, value, *, width):
    file = io.StringIO()
    show(value, Console(file=file, width=width, highlight=False, force_terminal=False))
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("show", [print_outcome, print_status])
def test_no_number_is_cut_at_the_width_of_a_terminal(show, width):
    text = page(show, standing(idle=True, below=True), width=width)
    numbers = ["+0.234", "+0.345", "-0.567", "+1.734", "+1.845", "+0.933", "-0.456"]
    assert [each for each in numbers if each not in text] == []
    assert text.count("│ 123 ") == text.count("│ 150 ") == 3
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())


def test_a_vin_folds_and_loses_nothing():
    text = page(print_outcome, standing(below=True), width=80)
    parts = re.findall(r"^│ ([\w.-]+) +│ *(?:S)? *│", text[text.index("Archive") :], re.MULTILINE)
    assert "".join(parts) == VIN


def test_a_page_as_wide_as_a_file_folds_nothing():
    assert f"│ {VIN} │" in page(print_outcome, standing(idle=True, below=True), width=200)


def test_a_column_without_any_remark_is_left_out():
    assert "remark" not in page(print_outcome, standing(), width=100)
    assert "idle in a split" in page(print_outcome, standing(idle=True), width=100)


def test_a_path_is_shown_as_it_is():
    assert "/a/folder [of mine]/archive" in page(print_outcome, standing(), width=80)


def test_incident_25_the_status_says_why_another_ensemble_is_in_force():
    refused = {"ensemble": None, "ensemble_remark": "winter does not replace autumn [yet]."}
    text = page(print_status, standing() | refused, width=80)
    assert "ensemble   winter does not replace autumn [yet]." in text


def test_the_status_says_when_a_campaign_began_and_ended():
    text = page(print_status, standing(), width=80)
    assert "begun 2026-02-14T01:02 UTC" in text
    assert "finished 2026-02-14T09:08 UTC" in text


def test_a_campaign_without_a_study_has_no_table():
    begun = standing() | {"studies": [], "archive": []}
    begun |= {"phase1_winner": None, "phase2_comparison": None, "ensemble": None}
    assert "┃" not in page(print_status, begun, width=80)


def test_what_is_not_a_terminal_is_wide_enough(capsys):
    assert not answer_console().is_terminal
    assert answer_console().width == 200


def test_times_in_json_are_iso_8601(capsys):
    print_json({"time": datetime(2026, 2, 14, 1, 2, 3, tzinfo=UTC)})
    assert json.loads(capsys.readouterr().out) == {"time": "2026-02-14T01:02:03+00:00"}
