"""The page about a campaign: it says what the files say, and what is missing in words."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cappuccino_assets.errors import IntegrityError, WarehouseError
from cappuccino_assets.reports.campaign_record import CampaignRecord, read_campaign
from cappuccino_assets.reports.markup import Element
from cappuccino_assets.reports.page import page
from cappuccino_assets.reports.report_words import headline, what_is_not_shown
from cappuccino_assets.reports.training_report import write_training_report
from cappuccino_assets.storage.files import read_json, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.types import Json
from tests.registry.campaigns import SmallCampaign
from tests.registry.findings import of_excesses
from tests.reports.campaigns import begin, reported_campaign

VOID = {"meta"}


def warehouse_at(root: Path) -> Warehouse:
    return Warehouse(WarehouseLayout(root=root))


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> SmallCampaign:
    return reported_campaign(warehouse_at(tmp_path_factory.mktemp("campaign") / "judged"))


@pytest.fixture(scope="module")
def unjudged(campaign: SmallCampaign) -> Warehouse:
    root = campaign.warehouse.layout.root
    shutil.copytree(root, root.with_name("unjudged"))
    return warehouse_at(root.with_name("unjudged"))


@pytest.fixture(scope="module")
def judged(campaign: SmallCampaign, unjudged: Warehouse) -> Warehouse:
    campaign.archive()
    return campaign.warehouse


@pytest.fixture(scope="module")
def record(judged: Warehouse) -> CampaignRecord:
    return read_campaign(judged)


@pytest.fixture(scope="module")
def html(record: CampaignRecord) -> str:
    return page(record)


@pytest.fixture(scope="module")
def entry(judged: Warehouse) -> Json:
    (path,) = judged.layout.archive.glob("*/metadata.json")
    return read_json(path)


class Tags(HTMLParser):
    """Opens and closes what a page opens and closes, and keeps its text."""

    def __init__(self, text: str):
        super().__init__()
        self.open, self.words, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *each) for each in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_every_point_of_the_gate_stands_with_its_number_and_limit(html, entry) -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    for reason in entry["gate"]["reasons"]:
        text = Element(reason["text"].replace("&", "&amp;"))
        (row,) = [row for row in rows if text in row]
        assert ('class="badge passed"' in row) is reason["passed"]
        assert ('class="badge failed"' in row) is not reason["passed"]
        assert "<td>-</td>" in row or f"<td>{reason['value']:.3f}</td>" in row
        assert f"<td>{reason['limit']:g}</td>" in row
    n_passed = sum(reason["passed"] for reason in entry["gate"]["reasons"])
    assert f" {n_passed} of 9 points passed" in html


def test_the_top_says_what_the_hold_out_showed(html, entry, record) -> None:
    top = Tags(html[: html.index("<section>")]).text
    agent = entry["holdout"]["performances"]["agent"]
    rank = record.findings[0].holdout.placebo.rank

    assert "No model passed the gate: nothing here is shown to beat buying and holding." in top
    assert f"{entry['vin']} made {agent['total_return']:+.1%} after fees" in top
    assert f"buy and hold made {agent['hodl_return']:+.1%}, and {rank.n_as_good} of 100" in top
    certifiable = entry["evidence"]["campaign"]["smallest_certifiable"]
    assert "3 trials on 0.6 years of test bars can certify a Sharpe ratio above buy and hold" in top
    assert f"from {certifiable:.2f} a year on" in top
    assert "a refusal says that no edge was shown, not that there is none" in top
    assert "The market is simulated" in top


def test_hold_out_costs_seeds_and_evidence_are_those_of_the_entry(html, entry, record) -> None:
    text = Tags(html).text
    for each in entry["holdout"]["performances"].values():
        assert f"{each['total_return']:+.1%}" in text
        assert f"{each['n_trades']:,} of {each['n_bars']:,}" in text
    for level in entry["costs"]["levels"]:
        if level["multiple"] <= 2:
            name = f"{level['multiple']:g} x, as {level['side']}"
            shown = (name, f"{level['total_return']:+.1%}", f"{level['excess_sharpe']:+.2f}")
            assert " ".join(shown) in " ".join(text.split())
    for each in entry["costs"]["break_evens"]:
        assert each["text"] in text
    assert f"{entry['costs']['ledger']['n_fills']:,} fills over" in text
    assert f"{entry['evidence']['trial']['deflated']:.1%}" in text
    for seed in entry["retrains"]:
        assert seed["no_trades"]
        found = f"{seed['sharpe_bot']:+.2f} {seed['sharpe_hodl']:+.2f} {seed['exposure']:.1%}"
        assert f"{found} stood aside in some split" in " ".join(text.split())
    pbo = entry["evidence"]["campaign"]["overfitting"]["pbo"]
    assert f"Probability of backtest overfitting: {pbo:.1%}" in text


def test_the_page_fetches_and_runs_nothing_and_its_tags_are_in_order(html) -> None:
    tags = Tags(html)

    assert tags.open == []
    assert {tag for tag, *_ in tags.attributes}.isdisjoint({"script", "link", "img", "iframe"})
    assert {name for _, name, _ in tags.attributes}.isdisjoint({"src", "href", "onload"})
    addresses = {value for _, name, value in tags.attributes if "://" in (value or "")}
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not a place
    assert "url(" not in html
    assert "@import" not in html
    assert len(html) < 500_000


def test_every_picture_is_whole_and_says_what_it_shows(html) -> None:
    pictures = re.findall(r"<svg.*?</svg>", html)
    assert len(pictures) == 9  # three of the hold-out, two of the paths, the search's
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert root.find("{http://www.w3.org/2000/svg}title").text
        assert "nan" not in picture.lower()


def test_seeds_that_all_traded_are_drawn(record) -> None:
    (candidate,) = record.candidates
    traded = replace(candidate.finding, retrains=of_excesses(-0.25, 0.25, 0.75))
    html = page(replace(record, candidates=(replace(candidate, finding=traded),)))

    assert len(re.findall(r"<svg.*?</svg>", html)) == 10
    assert all(f"<title>{excess:+.2f}</title>" in html for excess in (-0.25, 0.25, 0.75))


def test_what_others_wrote_is_text_and_no_markup(html) -> None:
    assert "simulated &lt;null&gt;" in html
    assert "<null>" not in html


def test_what_is_missing_is_said(html, record) -> None:
    assert "Bitcoin is not drawn" in html  # the warehouse has no bars
    assert "was not analysed" in html
    (finding,) = record.findings
    (candidate,) = record.candidates
    alone = replace(candidate, finding=replace(finding, retrains=(), evidence=None))
    without = page(replace(record, candidates=(alone,), evidence=None))
    assert "It was not trained with other seeds" in without
    assert "Its test returns are those of buy and hold" in without
    assert "Fewer than two trials of phase 2 can be compared" in without
    assert "there is nothing to count with yet" in without


def test_nothing_archived_is_said_and_no_hold_out_is_shown(unjudged: Warehouse) -> None:
    html = page(read_campaign(unjudged))

    assert "No trial was worth archiving" in html
    assert "No hold-out was opened" in html
    assert "no hold-out was opened for it, and the gate was not asked" in html
    assert "Equity of each path of the cross-validation" in html
    assert "Equity on the hold-out" not in html
    assert "3 trials on 0.6 years" in html


def test_a_search_that_goes_on_is_said_to(tmp_path: Path) -> None:
    warehouse = warehouse_at(tmp_path)
    begin(warehouse)

    html = page(read_campaign(warehouse))

    assert "<h1>The search is not finished: nothing can be said yet.</h1>" in html
    assert "0 trials ended (none)" in html
    assert "No trial is complete yet" in html
    assert Tags(html).open == []


def test_who_passed_is_counted_and_promised_nothing(record) -> None:
    (row,) = record.standing["archive"]
    passed = replace(record, standing=record.standing | {"archive": [row | {"gated": True}]})

    assert headline(passed) == "1 of 1 archived model passed the gate."
    said = " ".join(what_is_not_shown(passed))
    assert "it does not say that the years to come are like those before" in said
    assert "a refusal" not in said


def test_the_json_beside_it_is_the_entry_in_short(judged: Warehouse, tmp_path, entry) -> None:
    written = write_training_report(judged, output=tmp_path / "page.html")

    value = json.loads((tmp_path / "page.json").read_text())
    assert value == json.loads(json.dumps(written.to_json()))
    assert (value["n_archived"], value["n_gated"]) == (1, 0)
    assert value["trials"] == {"COMPLETE": 3}
    (finalist,) = value["finalists"]
    assert finalist["gate"] == entry["gate"]
    assert finalist["retrains"] == entry["retrains"]
    assert finalist["holdout"]["performances"] == entry["holdout"]["performances"]
    assert finalist["costs"] == entry["costs"]
    assert value["evidence"]["smallest_certifiable"] == pytest.approx(
        entry["evidence"]["campaign"]["smallest_certifiable"]
    )
    assert value["verdict"][0] in (tmp_path / "page.html").read_text()
    again = write_training_report(judged, output=tmp_path / "again.html")
    assert again.sketch == written.sketch
    pages = [(tmp_path / name).read_bytes() for name in ("page.html", "again.html")]
    assert pages[0] == pages[1]


def test_an_analysis_of_another_campaign_is_none_of_this_one(judged: Warehouse, tmp_path) -> None:
    shutil.copytree(judged.layout.root, tmp_path / "copy")
    copy = warehouse_at(tmp_path / "copy")
    write_json(copy.layout.hyperparameter_analysis, {"campaign": "other", "studies": []})
    assert read_campaign(copy).analysis is None


def test_a_damaged_hold_out_and_an_unknown_campaign_are_refused(judged, tmp_path: Path) -> None:
    shutil.copytree(judged.layout.root, tmp_path / "copy")
    copy = warehouse_at(tmp_path / "copy")
    table = next(copy.layout.holdouts.rglob("placebo.parquet"))
    table.write_bytes(table.read_bytes()[:-1] + b"\1")
    with pytest.raises(IntegrityError, match="placebo"):
        read_campaign(copy)
    with pytest.raises(WarehouseError, match="No campaign"):
        read_campaign(judged, "other")
