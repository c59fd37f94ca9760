"""Build and find the feature arrays of a campaign."""

from pathlib import Path

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.features.arrays import build_feature_arrays, load_arrays, save_arrays
from cappuccino_assets.features.contract import Layout, market_contract
from cappuccino_assets.features.scaling import refuse_constant_columns
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.ops.bars import stored_bars
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.campaign import Campaign
from cappuccino_assets.types import Json


def build_arrays(layout: WarehouseLayout, campaign: Campaign, *, enhanced: bool) -> list[Json]:
    """Build and store the arrays of each interval of a campaign.

    Raises:
        WarehouseError: If the stored bars are not those of the campaign.
        HistoryTooShortError: If they do not outlast the features' warm-up.

    Returns:
        One row per interval: interval, n_bars, n_columns, n_segments, contract hash and path.
    """
    market = stored_bars(layout, campaign)
    return [_built(layout, bars, enhanced=enhanced) for bars in market.values()]


def find_arrays(
    layout: WarehouseLayout, campaign: Campaign, interval: Interval, *, enhanced: bool
) -> Path:
    """Find the stored arrays of a campaign's bars.

    Raises:
        WarehouseError: If there are none.
    """
    folder = _folder(layout, interval, enhanced=enhanced)
    contract = market_contract(
        symbols=campaign.symbols, interval=interval, layout=Layout.COMPACT, enhanced=enhanced
    ).to_json()
    for path in sorted(folder.glob("[0-9a-f]*")):
        digest = read_json(path / "arrays.json")["dataset_digest"]
        if digest == campaign.digest(interval) and read_json(path / "contract.json") == contract:
            return path
    raise WarehouseError(
        f"No {folder.name} feature arrays of {campaign.name} are stored: "
        "materialise `feature_arrays` and `enhanced_feature_arrays` first."
    )


def verify_arrays(layout: WarehouseLayout, campaign: Campaign, *, enhanced: bool) -> Json:
    """Open the arrays of a campaign and verify all that they say of themselves.

    Raises:
        WarehouseError: If there are none.
        IntegrityError: If they are damaged.
        ContractMismatchError: If this version defines their columns differently.
        ConstantColumnError: If a feature never changes.

    Returns:
        Contract hash by interval.
    """
    hashes = {}
    for interval, _ in campaign.dataset_digests:
        arrays = load_arrays(find_arrays(layout, campaign, interval, enhanced=enhanced))
        rows = arrays.segment >= 0
        refuse_constant_columns(arrays.features[rows], columns=arrays.contract.columns)
        hashes[str(interval)] = arrays.contract.hash
    return hashes


def _built(layout: WarehouseLayout, bars: Bars, *, enhanced: bool) -> Json:
    arrays = build_feature_arrays(grid_from_bars(bars), enhanced=enhanced)
    path = save_arrays(_folder(layout, bars.interval, enhanced=enhanced), arrays)
    return {
        "interval": str(bars.interval),
        "n_bars": arrays.n_bars,
        "n_columns": arrays.contract.n_columns,
        "n_segments": int(arrays.segment.max()) + 1,
        "contract_hash": arrays.contract.hash,
        "path": str(path),
    }


def _folder(layout: WarehouseLayout, interval: Interval, *, enhanced: bool) -> Path:
    return layout.features / f"{interval}_{'enhanced' if enhanced else 'plain'}"
