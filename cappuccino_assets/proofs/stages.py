"""What is compared at every cut."""

from collections.abc import Callable
from dataclasses import dataclass

from cappuccino_assets.features.contract import Layout
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.proofs.history import (
    History,
    Seen,
    bars_record,
    grid_record,
    segments_record,
)
from cappuccino_assets.proofs.records import Record
from cappuccino_assets.proofs.settings import Part, ProofSettings
from cappuccino_assets.proofs.sights import (
    decisions_record,
    features_record,
    observations_record,
    scaler_record,
)
from cappuccino_assets.proofs.trades import evaluation_record, training_record

Recorder = Callable[[History, int], Record]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Something that is recomputed.

    Attributes:
        name: Of its checks.
        part: Of the proof.
        record: Takes a history and the cut, in UTC epoch seconds.
        of_closed_bars: Whether every row is known with its own bar, so that a history that ends
            may hold no row of a later one.
    """

    name: str
    part: Part
    record: Recorder
    of_closed_bars: bool = True


def all_stages(settings: ProofSettings) -> list[Stage]:
    """List every stage, in the order of the pipeline."""
    coarser = [
        Stage(name=f"bars {each}", part=Part.BARS, record=_bars(each)) for each in settings.coarser
    ]
    features = [
        Stage(name=f"features {each}", part=Part.FEATURES, record=_seen(each, features_record))
        for each in settings.layouts
    ]
    observations = [
        Stage(name=f"observations {each}", part=Part.OBSERVATIONS, record=_observations(each))
        for each in settings.layouts
    ]
    return [
        *coarser,
        Stage(name="grid", part=Part.GRID, record=lambda history, _: grid_record(history)),
        Stage(name="segments", part=Part.GRID, record=lambda history, _: segments_record(history)),
        *features,
        Stage(
            name="decisions",
            part=Part.FEATURES,
            record=_compact(decisions_record),
            of_closed_bars=False,
        ),
        Stage(name="scaler", part=Part.SCALERS, record=_scaler),
        *observations,
        Stage(name="training", part=Part.TRAINING, record=_compact(training_record)),
        Stage(name="evaluation", part=Part.EVALUATION, record=_compact(evaluation_record)),
    ]


def _bars(interval: Interval) -> Recorder:
    return lambda history, _: bars_record(history, interval)


def _seen(layout: Layout, record: Callable[[Seen], Record]) -> Recorder:
    return lambda history, _: record(history.seen(layout))


def _compact(record: Callable[[Seen], Record]) -> Recorder:
    return _seen(Layout.COMPACT, record)


def _scaler(history: History, cut: int) -> Record:
    return scaler_record(history.seen(Layout.COMPACT), cut)


def _observations(layout: Layout) -> Recorder:
    return lambda history, cut: observations_record(history.seen(layout), cut)
