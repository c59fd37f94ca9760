"""A campaign: one two-phase search with all its studies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from cappuccino_assets.errors import CampaignMismatchError, ConfigurationError
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.storage.warehouse import Warehouse
from cappuccino_assets.tuning.advisors import ANALYSIS, OFF
from cappuccino_assets.tuning.holdout import holdout_start
from cappuccino_assets.tuning.profiles import Profile, profile_named
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.routes import WHOLE, Route
from cappuccino_assets.tuning.spaces import SearchSpace
from cappuccino_assets.types import Json

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_TIMES: Final = ("history_from", "holdout_from", "started_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What a search is about; nothing of it changes while it is continued.

    Attributes:
        name: Name that its studies begin with; it can stand in a path.
        profile: Name of its budget.
        seed: Source of all its random numbers.
        source: Where its bars come from, in words.
        symbols: Traded pairs, in order.
        dataset_digests: Digest of the bars by interval, as (interval, digest) pairs.
        history_from: Open time of its first bar, UTC.
        holdout_from: Time from which on no trial sees anything, UTC, at every interval.
        started_at: When it was begun, UTC.
        route: Which part of its profile's search it makes.
        advisor: Who proposes configurations: `analysis`, `off` or package.module:Factory.
        trials_ahead: Trials of a study that may run at the same time; its profile's where None.
    """

    name: str
    profile: str
    seed: int
    source: str
    symbols: tuple[str, ...]
    dataset_digests: tuple[tuple[Interval, str], ...]
    history_from: datetime
    holdout_from: datetime
    started_at: datetime
    route: Route = WHOLE
    advisor: str = ANALYSIS
    trials_ahead: int | None = None

    def __post_init__(self) -> None:
        """Refuse a campaign that could not be told apart or run.

        Raises:
            ConfigurationError: The rule, and the value that breaks it.
        """
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                "A campaign's name has letters, digits and _ . - only, begins with a letter or "
                f"digit and has at most 100, but got {self.name!r}."
            )
        if self.seed < 0:
            raise ConfigurationError(f"A seed is at least 0, but got {self.seed}.")
        for name in _TIMES:
            if getattr(self, name).tzinfo != UTC:
                raise ConfigurationError(
                    f"Times of a campaign are in UTC, but got {name}={getattr(self, name)}."
                )
        digests = dict(self.dataset_digests)
        for interval in self.budget.intervals:
            if interval not in digests:
                raise ConfigurationError(f"The {self.profile} profile needs bars of {interval}.")

    @property
    def budget(self) -> Profile:
        """Its profile, as far as its route makes use of it."""
        budget = self.route.budget(profile_named(self.profile))
        n_ahead = budget.n_asked_ahead if self.trials_ahead is None else self.trials_ahead
        return replace(budget, n_asked_ahead=n_ahead)

    def space(self, phase: int, algorithm: str, study_name: str) -> SearchSpace:
        """Look up what one of its studies searches."""
        whole = search_space(phase=phase, algorithm=algorithm, ranges=self.budget.ranges)
        return self.route.space(study_name.partition("/")[2], whole)

    def digest(self, interval: Interval) -> str:
        """Look up the digest of the bars at an interval."""
        return dict(self.dataset_digests)[interval]

    def phase1_study(self, timeframe: Timeframe, interval: Interval) -> str:
        """Name the study of one combination."""
        return f"{self.name}/phase1_{timeframe}_{interval}"

    def phase2_study(self, algorithm: str) -> str:
        """Name the study of one algorithm."""
        return f"{self.name}/phase2_{algorithm}"

    @property
    def phase2_studies(self) -> tuple[str, ...]:
        """Names of the studies that the ensemble follows."""
        return tuple(map(self.phase2_study, self.budget.algorithms))

    def require_same(self, other: "Campaign") -> None:
        """Compare with what is asked of a campaign of this name.

        Raises:
            CampaignMismatchError: Names the first field that differs.
        """
        if difference := self.route.difference(other.route):
            field, stored, asked = difference
            raise CampaignMismatchError(self.name, field, stored=stored, asked=asked)
        for each in fields(self):
            stored, asked = getattr(self, each.name), getattr(other, each.name)
            if each.name != "started_at" and stored != asked:
                raise CampaignMismatchError(self.name, each.name, stored=stored, asked=asked)

    def to_json(self) -> Json:
        """Write as JSON values."""
        return {
            "name": self.name,
            "profile": self.profile,
            "seed": self.seed,
            "source": self.source,
            "symbols": list(self.symbols),
            "dataset_digests": {str(key): digest for key, digest in self.dataset_digests},
            **{name: getattr(self, name).isoformat() for name in _TIMES},
            "route": self.route.to_json(),
            "advisor": self.advisor,
            "trials_ahead": self.trials_ahead,
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote; before there were routes and advisors, none had any."""
        digests = value["dataset_digests"]
        return cls(
            name=value["name"],
            profile=value["profile"],
            seed=value["seed"],
            source=value["source"],
            symbols=tuple(value["symbols"]),
            dataset_digests=_ordered(digests),
            **{name: datetime.fromisoformat(value[name]) for name in _TIMES},
            route=Route.from_json(value["route"]) if "route" in value else WHOLE,
            advisor=value.get("advisor", OFF),
            trials_ahead=value.get("trials_ahead"),
        )


def new_campaign(
    *,
    name: str | None,
    profile: str,
    seed: int,
    source: str,
    symbols: tuple[str, ...],
    dataset_digests: Mapping[Interval, str],
    history: tuple[datetime, datetime],
    now: datetime,
    advisor: str = ANALYSIS,
    trials_ahead: int | None = None,
) -> Campaign:
    """Begin a campaign on the broad route.

    Args:
        name: Its name; after the time when None, for example `cappuccino_auto_20260214_020000`.
        profile: Name of its budget.
        seed: Source of all its random numbers.
        source: Where its bars come from, in words.
        symbols: Traded pairs, in order.
        dataset_digests: Digest of the bars by interval.
        history: When the first of its bars opens and the last one closes, UTC.
        now: The time, UTC.
        advisor: Who proposes configurations.
        trials_ahead: Trials of a study that may run at the same time; its profile's where None.
    """
    fraction = profile_named(profile).holdout_fraction
    return Campaign(
        name=now.strftime("cappuccino_auto_%Y%m%d_%H%M%S") if name is None else name,
        profile=profile,
        seed=seed,
        source=source,
        symbols=symbols,
        dataset_digests=_ordered(dataset_digests),
        history_from=history[0],
        holdout_from=holdout_start(*history, fraction=fraction),
        started_at=now,
        advisor=advisor,
        trials_ahead=trials_ahead,
    )


def continued_or_new(
    asked: Campaign, *, named: bool, known: Campaign | None, finished: bool
) -> Campaign:
    """Decide whether a search goes on or begins.

    Args:
        asked: What the settings ask for now.
        named: Whether its name was given, rather than made after the time.
        known: The stored campaign of that name, or the active one when no name was given.
        finished: Whether the stored campaign is complete.

    Returns:
        The stored campaign, or the new one. A named campaign is continued even when it is finished,
        for then nothing is left to do; an unnamed one when it is unfinished and the same.

    Raises:
        CampaignMismatchError: If the name is taken by a campaign that differs.
    """
    if known is None:
        return asked
    if named:
        known.require_same(asked)
        return known
    is_same = replace(asked, name=known.name, started_at=known.started_at) == known
    return known if is_same and not finished else asked


def is_searched(warehouse: Warehouse, campaign: Campaign) -> bool:
    """Whether all studies of a campaign have their target."""
    n_done = warehouse.query("n_done", {"campaign": campaign.name}).item()
    return bool(n_done >= campaign.budget.n_trials)


def _ordered(digests: Mapping[Any, str]) -> tuple[tuple[Interval, str], ...]:
    return tuple((interval, digests[interval]) for interval in Interval if interval in digests)
