"""What a report says of the route and of advice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cappuccino_assets.reports.advice import campaign_advice
from cappuccino_assets.reports.route_page import advice_section, range_in_words, route_section
from cappuccino_assets.reports.standing import campaign_standing
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.ledger_rows import LedgerRow
from cappuccino_assets.storage.trial_ledger import TrialLedger
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.distributions import Choice, LogUniform, OneMinusLogUniform, Uniform
from cappuccino_assets.tuning.exploit import exploit_route
from cappuccino_assets.types import Json
from tests.storage.ledgers import trial_row
from tests.tuning.test_campaign import campaign
from tests.tuning.test_exploit import searched

STUDY = "winter/phase2_ppo"


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(WarehouseLayout(root=tmp_path))


def advised_rows(uplift: float, *, n_failed: int = 0) -> list[LedgerRow]:
    """A study of 110 trials, of which three in the middle were advised."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(110):
        advice = {"round": 1, "place": number - 53, "reason": "It is <new>."}
        is_advised = number in (54, 55, 56)
        told: Json = {"advice": advice} if is_advised else {}
        state = "FAIL" if is_advised and number - 54 < n_failed else "COMPLETE"
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
    found = study["uplift"]["uplift"]
    assert found["low"] < found["estimate"] < found["high"]
    assert found["estimate"] == pytest.approx(uplift, abs=1.2)
    assert (study["uplift"]["n_advised"], study["uplift"]["n_own"]) == (3, 50)
    assert words in study["text"]
    assert [each["number"] for each in study["trials"]] == [54, 55, 56]


def test_advice_of_which_too_little_ended_well_is_told_and_not_judged(
    warehouse: Warehouse,
) -> None:
    TrialLedger(warehouse).append(advised_rows(5.0, n_failed=1))
    (study,) = campaign_advice(warehouse, "winter", "full")
    assert study["uplift"] is None
    assert [each["state"] for each in study["trials"]] == ["FAIL", "COMPLETE", "COMPLETE"]
    (section,) = advice_section({"advice": [study]})
    assert "nothing is known of their worth" in section
    assert "It is &lt;new&gt;." in section


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
