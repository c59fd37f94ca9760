"""What a report says of the route and of advice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest

from cappuccino_assets.reports.advice import campaign_advice
from cappuccino_assets.reports.route_page import advice_section, range_in_words, route_section
from cappuccino_assets.reports.standing import campaign_standing
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerRow
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.advisors import FAULT
from cappuccino_assets.tuning.distributions import Choice, LogUniform, OneMinusLogUniform, Uniform
from cappuccino_assets.tuning.exploit import exploit_route
from cappuccino_assets.tuning.studies import study_storage
from cappuccino_assets.types import Json
from tests.storage.ledgers import trial_row
from tests.tuning.test_campaign import campaign
from tests.tuning.test_exploit import searched

STUDY = "winter/phase2_ppo"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(WarehouseLayout(root=tmp_path))


def advised_rows(uplift: float, *, n_rounds: int = 3, lost: str = "") -> list[LedgerRow]:
    """A study in which three trials after every 50 own ones were advised."""
    random = np.random.default_rng(1)
    rows = []
    for number in range(53 * n_rounds + 30):
        place = number % 53 - 49
        advice = {"round": number // 53 + 1, "place": place, "reason": "It is <new>."}
        is_advised = place > 0 and number // 53 < n_rounds
        told: Json = {"advice": advice} if is_advised else {}
        state = lost if lost and is_advised else "COMPLETE"
        score = float(random.normal()) + uplift * is_advised
        rows.append(trial_row(number, study_name=STUDY, state=state, **told, score=score))
    return rows


@pytest.mark.parametrize(
    ("uplift", "words"),
    [(5.0, "Advice was worth something"), (0.0, "Nothing is shown"), (-5.0, "Advice did harm")],
)
def test_the_uplift_of_advice_is_a_number_with_an_interval(
    warehouse: Warehouse, uplift: float, words: str
) -> None:
    TrialLedger(warehouse).append(advised_rows(uplift))
    (study,) = campaign_advice(warehouse, "winter", "full")
    found = study["uplift"]
    assert found["interval"]["low"] < found["uplift"] < found["interval"]["high"]
    assert found["uplift"] == pytest.approx(uplift, abs=1.2)
    assert (found["n_rounds"], found["n_advised"], found["n_own"]) == (3, 9, 150)
    assert words in study["text"]
    assert [each["number"] for each in study["trials"]][:4] == [50, 51, 52, 103]


def test_two_rounds_are_a_number_and_no_verdict(warehouse: Warehouse) -> None:
    TrialLedger(warehouse).append(advised_rows(5.0, n_rounds=2))
    (study,) = campaign_advice(warehouse, "winter", "full")
    assert study["uplift"]["interval"] is None
    assert study["text"].endswith("Too few rounds for a verdict: it takes 3.")


def test_advice_of_which_too_little_ended_well_is_told_and_not_judged(
    warehouse: Warehouse,
) -> None:
    TrialLedger(warehouse).append(advised_rows(5.0, n_rounds=1, lost="FAIL"))
    (study,) = campaign_advice(warehouse, "winter", "full")
    assert study["uplift"] is None
    assert [each["state"] for each in study["trials"]] == ["FAIL"] * 3
    (section,) = advice_section({"advice": [study]})
    assert "nothing is known of its worth" in section
    assert "It is &lt;new&gt;." in section


def test_what_an_advisor_failed_at_is_told(warehouse: Warehouse) -> None:
    TrialLedger(warehouse).append(advised_rows(0.0, n_rounds=1))
    with study_storage(warehouse.layout) as storage:
        for name, rounds in ((STUDY, (10, 9)), ("winter/phase2_ddqn", (2,)), ("spring/a", (1,))):
            study = optuna.create_study(study_name=name, storage=storage)
            for number in rounds:
                study.set_user_attr(f"{FAULT}{number}", "OSError: <down>")
    ppo, ddqn = campaign_advice(warehouse, "winter", "full")
    assert [each["round"] for each in ppo["faults"]] == [9, 10]
    assert ddqn["faults"] == [{"round": 2, "fault": "OSError: <down>"}]
    assert (ddqn["trials"], ddqn["uplift"]) == ([], None)
    (section,) = advice_section({"advice": [ppo, ddqn]})
    assert "In round 2 the advisor failed, so it had none: OSError: &lt;down&gt;" in section


def test_what_was_pruned_counts_against_advice(warehouse: Warehouse) -> None:
    pruned = [each for each in advised_rows(5.0, n_rounds=2, lost="PRUNED") if each.number < 80]
    TrialLedger(warehouse).append([*pruned, *advised_rows(5.0, n_rounds=2)[80:]])
    (study,) = campaign_advice(warehouse, "winter", "full")
    assert study["uplift"]["better"] == pytest.approx(0.5, abs=0.01)  # lost all, and won all


def test_nothing_is_said_of_advice_where_there_was_none(warehouse: Warehouse) -> None:
    TrialLedger(warehouse).append([trial_row(n, study_name=STUDY) for n in range(60)])
    assert campaign_advice(warehouse, "winter", "full") == []
    assert campaign_advice(warehouse, "winter", "placebo") == []
    assert list(advice_section({"advice": []})) == []


def test_an_exploit_search_says_what_it_was_narrowed_around_and_counts_it(
    warehouse: Warehouse,
) -> None:
    winter = searched(warehouse, "winter")
    route = exploit_route(warehouse, winter)
    searched(warehouse, "spring", n_ppo=20, route=route)

    standing = campaign_standing(warehouse, "spring")

    assert standing["lineage"] == [{"campaign": "winter", "n_trials": 75}]
    assert standing["n_own_trials"] == 35
    assert standing["campaign"]["route"]["narrowed_from"] == "winter"
    (section,) = route_section(standing)
    assert "35 of its own and 75 of winter" in section
    assert "Narrowed around the best 6 of 60 trials: learning_rate; a little: " in section
    assert "are needed, but there are 10." in section
    assert "0.0001 to 0.003" in section


def test_a_broad_search_was_narrowed_around_nothing(warehouse: Warehouse) -> None:
    searched(warehouse, "winter", n_ppo=1)
    standing = campaign_standing(warehouse, "winter")
    assert (standing["lineage"], standing["n_own_trials"]) == ([], 16)
    assert list(route_section(standing)) == []
    written = replace(campaign("old")).to_json()
    del written["route"]
    assert list(route_section({"campaign": written})) == []


def test_ranges_are_written_as_people_do() -> None:
    assert range_in_words(Choice((0.05, 0.1)).to_json()) == "0.05, 0.1"
    assert range_in_words(LogUniform(1e-5, 1e-3).to_json()) == "1e-05 to 0.001"
    assert range_in_words(Uniform(0.3, 0.3, 0.1).to_json()) == "0.3"
    assert range_in_words(OneMinusLogUniform(0.01, 0.1, 3).to_json()) == "0.9 to 0.99"
