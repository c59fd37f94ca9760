"""Bars and features as assets: what is stored, reported, checked and refused."""

from datetime import UTC, datetime

import dagster as dg
import polars as pl
import pytest

from cappuccino_assets.assets.features import enhanced_feature_arrays, feature_arrays
from cappuccino_assets.assets.market import raw_bars
from cappuccino_assets.checks import market as checks
from cappuccino_assets.errors import CampaignMismatchError, ConfigurationError, WarehouseError
from cappuccino_assets.features.arrays import load_arrays
from cappuccino_assets.market.intervals import DEFAULT_SYMBOLS, Interval
from cappuccino_assets.market.sources.simulated import SimulatedSource
from cappuccino_assets.market.store import BarStore
from cappuccino_assets.ops.arrays import find_arrays
from cappuccino_assets.ops.campaigns import current_campaign
from cappuccino_assets.resources import SearchResource, WarehouseResource

ASSETS = [raw_bars, feature_arrays, enhanced_feature_arrays]
CHECKS = list(dg.load_asset_checks_from_modules([checks]))


@pytest.fixture(scope="module")
def bars_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    bars = SimulatedSource(seed=7, n_days=280, interval=Interval.M30).fetch_bars()
    bars.frame.write_parquet(path)
    return path


@pytest.fixture
def warehouse(tmp_path):
    return WarehouseResource(root=str(tmp_path / "warehouse"))


def materialize(warehouse, search, selected=(*ASSETS, *CHECKS), **options):
    return dg.materialize(
        list(selected), resources={"search": search, "warehouse": warehouse}, **options
    )


def test_bars_become_arrays_and_every_check_passes(warehouse, bars_file):
    search = SearchResource(source="files", bars=str(bars_file), study="winter")
    result = materialize(warehouse, search)
    checks_seen = result.get_asset_check_evaluations()
    assert {check.check_name for check in checks_seen} == {
        "bars_are_whole",
        "few_bars_are_missing",
        "bars_are_fresh",
        "features_keep_their_contract",
        "enhanced_features_keep_their_contract",
    }
    assert all(check.passed for check in checks_seen)
    (event,) = result.asset_materializations_for_node("raw_bars")
    assert event.metadata["campaign"].value == "winter"
    stored = {record.data["interval"] for record in event.metadata["bars"].value.records}
    assert stored == {"30m", "1h", "4h"}


def test_arrays_are_found_by_campaign_and_kind(warehouse, bars_file):
    search = SearchResource(source="files", bars=str(bars_file), study="winter")
    materialize(warehouse, search)
    campaign = current_campaign(search, warehouse.database)
    for enhanced, n_columns in ((False, 11), (True, 39)):
        path = find_arrays(warehouse.layout, campaign, Interval.H1, enhanced=enhanced)
        arrays = load_arrays(path)
        assert arrays.contract.n_columns == n_columns
        assert arrays.dataset_digest == campaign.digest(Interval.H1)


def test_a_campaign_holds_out_the_last_stretch_of_the_bars_as_they_came(warehouse, tmp_path):
    bars = SimulatedSource(seed=7, n_days=100, interval=Interval.M30).fetch_bars()
    within = pl.col("timestamp").is_between(
        datetime(2023, 1, 1, 2, 30, tzinfo=UTC), datetime(2023, 4, 10, 22, tzinfo=UTC)
    )
    path = tmp_path / "bars.parquet"
    bars.frame.filter(within).write_parquet(path)
    search = SearchResource(source="files", bars=str(path), study="winter")

    materialize(warehouse, search, [raw_bars])

    campaign = current_campaign(search, warehouse.database)
    assert campaign.history_from == datetime(2023, 1, 1, 2, 30, tzinfo=UTC)
    # From 4:00 on there are 598 stretches of 4h, of which 508 are searched: 84 days and 16 hours.
    assert campaign.holdout_from == datetime(2023, 3, 26, 20, tzinfo=UTC)


def test_features_before_bars_say_what_to_do_first(warehouse):
    with pytest.raises(WarehouseError, match="raw_bars"):
        materialize(warehouse, SearchResource(), [feature_arrays])


def test_a_named_campaign_refuses_other_bars(warehouse, bars_file, tmp_path):
    materialize(
        warehouse, SearchResource(source="files", bars=str(bars_file), study="winter"), [raw_bars]
    )
    shorter = tmp_path / "bars.parquet"
    frame = pl.read_parquet(bars_file)
    frame.filter(pl.col("timestamp") < frame["timestamp"].max()).write_parquet(shorter)
    before = BarStore(folder=warehouse.layout.bars).description(Interval.H1)
    with pytest.raises(CampaignMismatchError, match="dataset_digests"):
        materialize(
            warehouse, SearchResource(source="files", bars=str(shorter), study="winter"), [raw_bars]
        )
    assert BarStore(folder=warehouse.layout.bars).description(Interval.H1) == before


def test_an_unfinished_campaign_without_a_name_is_continued(warehouse, bars_file):
    search = SearchResource(source="files", bars=str(bars_file))
    materialize(warehouse, search, [raw_bars])
    first = current_campaign(search, warehouse.database)
    materialize(warehouse, search, [raw_bars])
    assert current_campaign(search, warehouse.database) == first


def test_bars_that_are_too_coarse_for_the_profile_are_refused(warehouse, tmp_path):
    path = tmp_path / "bars.csv"
    SimulatedSource(n_days=90, interval=Interval.H4).fetch_bars().frame.write_csv(path)
    with pytest.raises(ConfigurationError, match="1h"):
        materialize(warehouse, SearchResource(source="files", bars=str(path)), [raw_bars])
    assert not warehouse.layout.bars.exists()


def test_a_blocking_check_stops_what_comes_after(warehouse, tmp_path):
    bars = SimulatedSource(n_days=60, interval=Interval.H1).fetch_bars()
    path = tmp_path / "bars.parquet"
    quiet = pl.when((pl.col("symbol") == DEFAULT_SYMBOLS[0]) & (pl.int_range(pl.len()) % 10 == 0))
    frame = bars.frame.with_columns(volume=quiet.then(0.0).otherwise(pl.col("volume")))
    frame.write_parquet(path)
    search = SearchResource(source="files", bars=str(path), study="winter")
    result = materialize(warehouse, search, raise_on_error=False)
    assert not result.success
    failed = [c.check_name for c in result.get_asset_check_evaluations() if not c.passed]
    assert failed == ["few_bars_are_missing"]
    assert result.asset_materializations_for_node("feature_arrays") == []


def test_a_damaged_file_of_bars_fails_its_check(warehouse, bars_file):
    search = SearchResource(source="files", bars=str(bars_file), study="winter")
    materialize(warehouse, search, [raw_bars])
    path = BarStore(folder=warehouse.layout.bars).path(Interval.H1)
    path.write_bytes(path.read_bytes()[:-100])
    result = checks.bars_are_whole(search=search, warehouse=warehouse)
    assert not result.passed
    assert "1h.parquet" in result.description
