"""What an archive entry was made from: bars, the features of them, and what its model is fed."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl

from cappuccino_assets.errors import DifferenceError
from cappuccino_assets.features.arrays import (
    ARRAY_NAMES,
    FeatureArrays,
    build_feature_arrays,
    load_arrays,
)
from cappuccino_assets.features.blocks import segment_blocks
from cappuccino_assets.market.bars import Bars
from cappuccino_assets.market.grid import grid_from_bars
from cappuccino_assets.market.store import BarStore
from cappuccino_assets.registry.differences import require_same
from cappuccino_assets.registry.models import CONTRACT, Model
from cappuccino_assets.registry.verification import Case, Found
from cappuccino_assets.storage.files import read_json
from cappuccino_assets.tuning.outcome import training_scaler
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.types import Json


def bars(case: Case, metadata: Json, plan: StudyPlan) -> Found:
    """Read the stored bars as far as the campaign had them; later ones may have come since."""
    stored = BarStore(folder=case.layout.bars).read(plan.interval, plan.symbols)
    until = datetime.fromisoformat(metadata["holdout"]["opening"]["ends_at"])
    known = pl.col("timestamp").is_between(plan.history_from, until, closed="left")
    found = replace(stored, frame=stored.frame.filter(known))
    require_same("digest of the bars", metadata["dataset_digest"], found.digest)
    text = f"{found.n_bars:,} bars of {found.interval}, digest {found.digest[:12]}"
    return Found(value=found, text=text)


def features(case: Case, bars: Bars) -> Found:
    """Build the features again, and compare them with those that are stored."""
    built = build_feature_arrays(grid_from_bars(bars), enhanced=True)
    stored = [
        load_arrays(path.parent)
        for path in sorted(case.layout.features.glob("*/*/arrays.json"))
        if _is_of(read_json(path), read_json(path.with_name(CONTRACT)), built)
    ]
    for arrays in stored:
        for name in ARRAY_NAMES:
            _require_same_array(name, getattr(arrays, name), getattr(built, name))
    again = "as they are stored" if stored else "none are stored to be compared"
    return Found(value=built, text=f"{built.n_bars:,} rows built again, {again}")


def contract(case: Case, model: Model, features: FeatureArrays, plan: StudyPlan) -> Found:
    """Derive the model's contract again: columns, scaler and what its outputs mean."""
    search = plan.search_arrays(features)
    derived = search.contract.for_model(
        lookback=model.config.lookback,
        clock_bars=model.config.rules.cycle_bars,
        norm_tech_exp=model.config.norm_tech_exp,
        scaler=training_scaler(search, segment_blocks(search.segment)),
        action_space=model.action_space.to_json(),
    )
    require_same(CONTRACT, model.contract.to_json(), derived.to_json())
    return Found(text=f"{derived.n_columns} columns, scaler fitted again on {search.n_bars:,} rows")


def _is_of(description: Json, contract: Json, built: FeatureArrays) -> bool:
    found = (description["dataset_digest"], contract["columns"])
    return found == (built.dataset_digest, list(built.contract.columns))


def _require_same_array(name: str, stored: np.ndarray, found: np.ndarray) -> None:
    if stored.tobytes() == found.tobytes():
        return
    if stored.shape != found.shape:
        raise DifferenceError(f"shape of {name}", stored=stored.shape, found=found.shape)
    differs = np.argwhere(~((stored == found) | ((stored != stored) & (found != found))))
    place = tuple(map(int, differs[0])) if len(differs) else (0,) * stored.ndim
    raise DifferenceError(f"{name}{list(place)}", stored=stored[place], found=found[place])
