"""The asset of the report, on a campaign that has just begun."""

import dagster as dg

from cappuccino_assets.assets.reports import training_report
from cappuccino_assets.resources import SearchResource, WarehouseResource
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.warehouse import Warehouse
from tests.reports.campaigns import begin


def test_the_page_and_what_the_ui_shows_say_the_same(tmp_path):
    layout = WarehouseLayout(root=tmp_path)
    begin(Warehouse(layout))
    resources = {"search": SearchResource(), "warehouse": WarehouseResource(root=str(tmp_path))}

    result = dg.materialize([training_report], resources=resources)

    (done,) = result.asset_materializations_for_node("training_report")
    verdict = done.metadata["verdict"].value
    assert verdict == "The search is not finished: nothing can be said yet."
    assert done.metadata["path"].value == str(layout.training_report)
    assert verdict in layout.training_report.read_text()
    assert read_json(layout.training_report.with_suffix(".json"))["verdict"][0] == verdict
    assert (done.metadata["n_archived"].value, done.metadata["n_gated"].value) == (0, 0)
