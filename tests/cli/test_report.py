"""`cappuccino report`: the page about a campaign, written anew."""

import json

import pytest

from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from tests.reports.campaigns import begin

UNFINISHED = "The search is not finished: nothing can be said yet."


@pytest.fixture
def layout(tmp_path):
    layout = WarehouseLayout(root=tmp_path / "warehouse")
    begin(Warehouse(layout))
    return layout


def test_the_page_and_the_json_file_are_written_among_the_reports(cappuccino, layout):
    code, out, _ = cappuccino("report")

    assert code == 0
    assert out.splitlines()[0] == UNFINISHED
    assert out.splitlines()[-1] == str(layout.training_report)
    assert UNFINISHED in layout.training_report.read_text()
    value = json.loads(layout.training_report.with_suffix(".json").read_text())
    assert value["campaign"]["name"] == "small"


def test_the_answer_for_programs_is_the_json_file(cappuccino, layout, tmp_path):
    code, out, _ = cappuccino("report", "--study", "small", "--output", "here.html", "--json")

    assert code == 0
    answer = json.loads(out)
    assert answer == json.loads((tmp_path / "here.json").read_text())
    assert answer["verdict"][0] == UNFINISHED
    assert (tmp_path / "here.html").is_file()
    assert not layout.training_report.exists()


def test_a_page_that_is_no_page_is_refused(cappuccino, layout, tmp_path):
    code, _, err = cappuccino("report", "--output", "here.json")
    assert code == 2
    assert "a page ends in .html" in err
    assert not (tmp_path / "here.json").exists()


def test_a_campaign_that_is_not_there_is_one_message(cappuccino, layout):
    code, out, err = cappuccino("report", "--study", "other")
    assert (code, out) == (1, "")
    assert "No campaign" in err
