"""A study's plan as JSON, so that whoever joins the study does the same."""

from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.tuning.distributions import distribution_from_json
from cappuccino_assets.tuning.plans import StudyPlan
from cappuccino_assets.tuning.profiles import Profile
from cappuccino_assets.tuning.pruning import PruningRule
from cappuccino_assets.tuning.spaces import Constant, Consumer, Parameter, SearchSpace
from cappuccino_assets.types import Json

_T = TypeVar("_T")


def plan_to_json(plan: StudyPlan, layout: WarehouseLayout) -> Json:
    """Write a plan; its arrays are named by their place in the warehouse."""
    plain = {each.name: getattr(plan, each.name) for each in fields(plan)}
    return plain | {
        "profile": _profile_to_json(plan.profile),
        "space": _space_to_json(plan.space),
        "symbols": list(plan.symbols),
        "timeframe": plan.timeframe.value,
        "interval": plan.interval.value,
        "history_from": plan.history_from.isoformat(),
        "holdout_from": plan.holdout_from.isoformat(),
        "arrays": _place(plan.arrays, layout),
    }


def plan_from_json(value: Json, layout: WarehouseLayout) -> StudyPlan:
    """Read what `plan_to_json` wrote, in this or another warehouse.

    Raises:
        ConfigurationError: If it was written by a version that plans otherwise.
    """
    read: dict[str, Callable[[Any], Any]] = {
        "profile": _profile_from_json,
        "space": _space_from_json,
        "symbols": tuple,
        "timeframe": Timeframe,
        "interval": Interval,
        "history_from": datetime.fromisoformat,
        "holdout_from": datetime.fromisoformat,
        "arrays": lambda place: _folder(place, layout),
    }
    return _built(StudyPlan, value, read)


def _folder(place: str, layout: WarehouseLayout) -> Path:
    if ".." in Path(place).parts:
        raise ValueError(f"{place} leads out of the warehouse")
    return layout.root / place


def _place(folder: Path, layout: WarehouseLayout) -> str:
    inside = folder.is_relative_to(layout.root)
    return (folder.relative_to(layout.root) if inside else folder.absolute()).as_posix()


def _profile_to_json(profile: Profile) -> Json:
    pruning = None if profile.pruning is None else profile.pruning.to_json()
    combinations = [
        [timeframe.value, interval.value] for timeframe, interval in profile.combinations
    ]
    plain = {each.name: getattr(profile, each.name) for each in fields(profile)}
    lists = {"combinations": combinations, "algorithms": list(profile.algorithms)}
    return plain | lists | {"pruning": pruning}


def _profile_from_json(value: Json) -> Profile:
    read: dict[str, Callable[[Any], Any]] = {
        "combinations": lambda rows: tuple((Timeframe(t), Interval(i)) for t, i in rows),
        "algorithms": tuple,
        "pruning": lambda rule: None if rule is None else PruningRule(**rule),
    }
    return _built(Profile, value, read)


def _space_to_json(space: SearchSpace) -> Json:
    return {
        "phase": space.phase,
        "algorithm": space.algorithm,
        "parameters": [
            asdict(each) | {"distribution": each.distribution.to_json()}
            for each in space.parameters
        ],
        "constants": [asdict(each) for each in space.constants],
    }


def _space_from_json(value: Json) -> SearchSpace:
    parameter: dict[str, Callable[[Any], Any]] = {
        "distribution": distribution_from_json,
        "consumer": Consumer,
    }
    read: dict[str, Callable[[Any], Any]] = {
        "parameters": lambda rows: tuple(_built(Parameter, row, parameter) for row in rows),
        "constants": lambda rows: tuple(
            _built(Constant, row, {"consumer": Consumer}) for row in rows
        ),
    }
    return _built(SearchSpace, value, read)


def _built(kind: type[_T], value: Json, read: dict[str, Callable[[Any], Any]]) -> _T:
    try:
        return kind(**{name: read[name](v) if name in read else v for name, v in value.items()})
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"This {kind.__name__} comes from another version of the package: {error}."
        ) from error
