"""The route of a campaign: its profile's whole spaces, or what an earlier campaign speaks for."""

from dataclasses import dataclass, replace
from typing import Any, Final, Self

from cappuccino_assets.errors import ConfigurationError
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.tuning.narrowing import Narrowing, apply
from cappuccino_assets.tuning.profiles import Combination, Profile
from cappuccino_assets.tuning.spaces import SearchSpace
from cappuccino_assets.types import Json

BROAD: Final = "broad"
EXPLOIT: Final = "exploit"
_TITLES: Final = {
    "name": "route",
    "narrowed_from": "campaign that it is narrowed from",
    "combinations": "combinations of phase 1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyNarrowing:
    """What becomes of the space of one study.

    Attributes:
        role: The study's name without its campaign's.
        n_trials: Complete trials of the earlier study of this role that traded in every split.
        n_top: The best tenth of them.
        ranges: One per parameter.
    """

    role: str
    n_trials: int
    n_top: int
    ranges: tuple[Narrowing, ...]

    @property
    def text(self) -> str:
        """What was narrowed, in words."""
        changed = [each for each in self.ranges if each.before != each.after]
        much, little = (
            ", ".join(each.parameter for each in changed if each.is_shown is shown)
            for shown in (True, False)
        )
        if changed:
            parts = [much] * bool(much) + [f"a little: {little}"] * bool(little)
            return (
                f"Narrowed around the best {self.n_top} of {self.n_trials} trials: "
                f"{'; '.join(parts)}."
            )
        reasons = {each.why for each in self.ranges}
        why = reasons.pop() if len(reasons) == 1 else "The best trials span all of it."
        return f"It stays as it was. {why}"

    def to_json(self) -> Json:
        """Write as JSON values."""
        return {
            "role": self.role,
            "n_trials": self.n_trials,
            "n_top": self.n_top,
            "text": self.text,
            "ranges": [each.to_json() for each in self.ranges],
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            role=value["role"],
            n_trials=value["n_trials"],
            n_top=value["n_top"],
            ranges=tuple(Narrowing.from_json(each) for each in value["ranges"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Which part of its profile's search a campaign makes.

    Attributes:
        name: `broad` for all of it, `exploit` for what an earlier campaign speaks for.
        narrowed_from: That campaign; None on the broad route.
        combinations: What phase 1 searches; None for all of the profile's.
        studies: The narrowed ones.
    """

    name: str = BROAD
    narrowed_from: str | None = None
    combinations: tuple[Combination, ...] | None = None
    studies: tuple[StudyNarrowing, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a route that leads nowhere.

        Raises:
            ConfigurationError: The rule, and the value that breaks it.
        """
        if self.name not in (BROAD, EXPLOIT):
            raise ConfigurationError(f"A route is {BROAD} or {EXPLOIT}, but got {self.name!r}.")
        if (self.name == EXPLOIT) != (self.narrowed_from is not None):
            raise ConfigurationError(
                f"The {EXPLOIT} route, and no other, is narrowed from a campaign, but got "
                f"{self.name=}, {self.narrowed_from=}."
            )

    def budget(self, profile: Profile) -> Profile:
        """Leave of a profile what is searched on this route."""
        if self.combinations is None:
            return profile
        return replace(profile, combinations=self.combinations)

    def space(self, role: str, whole: SearchSpace) -> SearchSpace:
        """Leave of a study's space what is searched on this route."""
        ranges = [each for study in self.studies if study.role == role for each in study.ranges]
        return apply(whole, ranges)

    def difference(self, other: "Route") -> tuple[str, Any, Any] | None:
        """Name the first thing in which another route differs, with both values."""
        for field, title in _TITLES.items():
            if getattr(self, field) != getattr(other, field):
                return title, getattr(self, field), getattr(other, field)
        mine, its = self._ranges(), other._ranges()
        for role, parameter in sorted(mine | its):
            before, now = (ranges.get((role, parameter)) for ranges in (mine, its))
            if before != now:
                return f"range of {parameter} in {role}", before, now
        if self == other:
            return None
        texts = [[study.text for study in route.studies] for route in (self, other)]
        return "evidence for its narrowing", texts[0], texts[1]

    def _ranges(self) -> dict[tuple[str, str], Json]:
        return {
            (study.role, each.parameter): each.after.to_json()
            for study in self.studies
            for each in study.ranges
        }

    def to_json(self) -> Json:
        """Write as JSON values."""
        combinations = self.combinations
        return {
            "name": self.name,
            "narrowed_from": self.narrowed_from,
            "combinations": None
            if combinations is None
            else [[t.value, i.value] for t, i in combinations],
            "studies": [each.to_json() for each in self.studies],
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        combinations = value["combinations"]
        return cls(
            name=value["name"],
            narrowed_from=value["narrowed_from"],
            combinations=None
            if combinations is None
            else tuple((Timeframe(t), Interval(i)) for t, i in combinations),
            studies=tuple(StudyNarrowing.from_json(each) for each in value["studies"]),
        )


WHOLE: Final = Route()
