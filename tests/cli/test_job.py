"""What a run answers beside the standing of its campaign."""

import dagster as dg

from cappuccino_assets.assets.market import raw_bars
from cappuccino_assets.cli.job import gaps_of
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.resources import SearchResource, WarehouseResource


def test_a_run_counts_the_gaps_of_every_symbol(tmp_path):
    frame = SimulatedSource(regime="null", n_days=40).fetch_bars().frame
    frame = frame[:100].vstack(frame[103:])  # three bars of the first symbol are missing
    frame.write_parquet(tmp_path / "bars.parquet")
    resources = {
        "search": SearchResource(source="files", bars=str(tmp_path / "bars.parquet")),
        "warehouse": WarehouseResource(root=str(tmp_path / "warehouse")),
    }
    gaps = gaps_of(dg.materialize([raw_bars], resources=resources))
    assert [row["symbol"][:3] for row in gaps] == ["AAV", "AVA", "BTC", "ETH", "LIN", "LTC", "UNI"]
    assert [row["n_missing_bars"] for row in gaps] == [3, 0, 0, 0, 0, 0, 0]
    assert gaps[0]["longest_gap_bars"] == 3
