"""A search space narrowed around the best tenth of an earlier study's trials.

Much is narrowed only where something was shown to matter: the best of many trials have something in
common by luck, too. The rule is in docs/routes.md, with its reasons.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, comb, floor, log10
from typing import Final, Self

import numpy as np
import polars as pl

from cappuccino_assets.evaluation.parameter_effects import ParameterEffect, parameter_effects
from cappuccino_assets.evaluation.scored_trials import MIN_TRIALS, ScoredTrials
from cappuccino_assets.tuning.advisors import KnownTrial
from cappuccino_assets.tuning.distributions import (
    Choice,
    Distribution,
    Integers,
    LogUniform,
    OneMinusLogUniform,
    Uniform,
    Value,
    distribution_from_json,
)
from cappuccino_assets.tuning.spaces import SearchSpace
from cappuccino_assets.types import Json

SIGNIFICANT: Final = 0.05
MIN_WIDTH: Final = 0.25  # of a narrowed range, as a share of the one it came from; and
MIN_WIDTH_UNSHOWN: Final = 0.5  # where the parameter is not shown to matter
_DIGITS: Final = 3  # of the ends of a logarithmic range
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What becomes of one parameter's range.

    Attributes:
        parameter: Its name.
        before: The range of the earlier study.
        after: The range from now on.
        is_shown: Whether the parameter was shown to matter.
        why: In words.
    """

    parameter: str
    before: Distribution
    after: Distribution
    is_shown: bool = False
    why: str

    def to_json(self) -> Json:
        """Write as JSON values."""
        return {
            "parameter": self.parameter,
            "from": self.before.to_json(),
            "to": self.after.to_json(),
            "shown": self.is_shown,
            "why": self.why,
        }

    @classmethod
    def from_json(cls, value: Json) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            parameter=value["parameter"],
            before=distribution_from_json(value["from"]),
            after=distribution_from_json(value["to"]),
            is_shown=value["shown"],
            why=value["why"],
        )


def narrowed_ranges(
    space: SearchSpace, trials: Sequence[KnownTrial], *, seed: int
) -> tuple[Narrowing, ...]:
    """Narrow ranges around the best tenth of the trials: much only where something is shown.

    A parameter is shown to matter if its effect remains after Benjamini and Hochberg's correction
    for all of them. A number's range becomes what the best tenth spans and a margin on either side:
    at least a quarter of what it was, and at least half of it where nothing is shown. Of categories
    those go that the best tenth lacks although chance alone would have given it one; where nothing
    is shown all stay. A range becomes a single value only if the whole best tenth has it and the
    effect remains after Holm's correction, so that chance would not make it so.

    Args:
        space: The earlier study's.
        trials: Its complete trials.
        seed: Source of the shuffles.

    Returns:
        One per parameter, in the order of the space.
    """
    scored = _scored(trials) if len(trials) >= MIN_TRIALS else None
    if scored is None:
        why = (
            f"{MIN_TRIALS} trials that can be compared are needed, but there are {len(trials)}."
            if len(trials) < MIN_TRIALS
            else "All trials are the same."
        )
        return tuple(_kept(each.name, each.distribution, why) for each in space.parameters)
    effects = parameter_effects(scored, random=np.random.default_rng(seed))
    by_name = {each.parameter: each for each in effects}
    return tuple(
        _narrowed(each.distribution, by_name[each.name], scored)
        if each.name in by_name
        else _kept(each.name, each.distribution, "It was the same in all trials.")
        for each in space.parameters
    )


def apply(space: SearchSpace, narrowings: Sequence[Narrowing]) -> SearchSpace:
    """Put narrowed ranges into a space."""
    after = {each.parameter: each.after for each in narrowings}
    parameters = tuple(
        replace(each, distribution=after.get(each.name, each.distribution))
        for each in space.parameters
    )
    return replace(space, parameters=parameters)


def _scored(trials: Sequence[KnownTrial]) -> ScoredTrials | None:
    """Lay trials out for an analysis, without what is the same in all; None if everything is."""
    frame = pl.DataFrame(
        [{"trial": each.number, "score": each.score, **each.params} for each in trials],
        infer_schema_length=None,
    )
    same = [values.name for values in frame.drop("trial") if values.n_unique() == 1]
    if "score" in same or len(same) == frame.width - 2:
        return None
    return ScoredTrials(frame=frame.drop(same))


def _kept(name: str, before: Distribution, why: str) -> Narrowing:
    return Narrowing(parameter=name, before=before, after=before, why=why)


def _narrowed(before: Distribution, effect: ParameterEffect, scored: ScoredTrials) -> Narrowing:
    evidence = (
        f"effect {effect.effect.estimate:+.2f}, p = {effect.p_value:.4f}, "
        f"{effect.bh_p_value:.3f} after Benjamini and Hochberg's correction"
    )
    values = scored.frame[effect.parameter].to_list()
    top = values[: scored.n_top]
    is_shown, is_category = effect.bh_p_value < SIGNIFICANT, not before.is_ordered
    span = f"what the best {scored.n_top} span, with a margin"
    if effect.holm_p_value < SIGNIFICANT and len(set(top)) == 1:
        after: Distribution = single(before, top[0])
        what = f"All of the best {scored.n_top} have it"
        evidence += f", {effect.holm_p_value:.3f} after Holm's"
    elif not is_shown:
        after = before if is_category else around(before, top, min_width=MIN_WIDTH_UNSHOWN)
        what = "Not shown to matter" + (f", so little: {span}" if after != before else "")
    elif isinstance(before, Choice) and is_category:
        after, what = without_absent(before, values, scored.n_top), "What the best tenth has"
    else:
        after, what = around(before, top, min_width=MIN_WIDTH), f"Shown to matter: {span}"
    return Narrowing(
        parameter=effect.parameter,
        before=before,
        after=after,
        is_shown=is_shown,
        why=f"{what} ({evidence}).",
    )


def without_absent(before: Choice, values: Sequence[Value], n_top: int) -> Choice:
    """Leave out the categories that the best lack although as many drawn from all would have one.

    Args:
        before: The categories.
        values: Of all trials, best first.
        n_top: How many of them are the best.
    """
    n = len(values)

    def is_kept(value: Value) -> bool:
        absent_by_chance = comb(n - values.count(value), n_top) / comb(n, n_top)
        return value in values[:n_top] or absent_by_chance >= SIGNIFICANT

    return Choice(tuple(filter(is_kept, before.values)))


def single(before: Distribution, value: Value) -> Distribution:
    """Fix a parameter whose values are on a grid; a continuous one is narrowed."""
    if isinstance(before, Choice):
        return Choice((value,))
    if isinstance(before, Integers):
        return replace(before, low=int(value), high=int(value))
    if isinstance(before, Uniform):
        return replace(before, low=float(value), high=float(value))
    return around(before, [value], min_width=MIN_WIDTH)


def around(before: Distribution, top: Sequence[Value], *, min_width: float) -> Distribution:
    """Narrow a range of numbers to what some of its values span, with a margin on either side.

    The ends of a uniform range lie beyond the extremes of k draws by the k-1'th part of what these
    span, on average; that is the margin. So without any effect a range keeps most of its width. A
    share of it is kept in any case, because a sampler draws close to where it found the first
    good trials: that they are close together proves less than it would of independent ones.

    Args:
        before: A range of numbers.
        top: Values of it; they stay inside.
        min_width: Share of its width that is kept at least.
    """
    places = [before.place(each) for each in top]
    low, high = min(places), max(places)
    margin = (high - low) / max(len(places) - 1, 1)
    low, high = max(low - margin, 0.0), min(high + margin, 1.0)
    if (lack := min_width - (high - low)) > 0:
        low = min(max(low - lack / 2, 0.0), 1.0 - min_width)
        high = low + min_width
    return _cut(before, low, high)


def _cut(before: Distribution, low: float, high: float) -> Distribution:
    """Keep what lies between two places, and the grid's values just outside of them."""
    if isinstance(before, LogUniform | OneMinusLogUniform):
        lower, upper = _outwards(before.low, before.high, (low, high))
        return replace(before, low=lower, high=upper)
    if isinstance(before, Choice):
        first, last = _steps(low, high, len(before.values) - 1)
        return Choice(before.values[first : last + 1])
    if isinstance(before, Integers) and before.log:
        return replace(before, low=int(before.at(low)), high=int(before.at(high)))
    if isinstance(before, Integers):
        first, last = (before.low + before.step * n for n in _steps(low, high, before.n_steps))
        return replace(before, low=first, high=last)
    if isinstance(before, Uniform):
        ends = (before.low + before.step * n for n in _steps(low, high, before.n_steps))
        lower, upper = (float(before.value(end)) for end in ends)
        return replace(before, low=lower, high=upper)
    raise TypeError(f"No range of numbers can be narrowed like {before}.")


def _steps(low: float, high: float, n_steps: int) -> tuple[int, int]:
    return floor(low * n_steps + _ROUNDING), ceil(high * n_steps - _ROUNDING)


def _outwards(low: float, high: float, places: tuple[float, float]) -> tuple[float, float]:
    """Find two places of a logarithmic range, rounded outwards to few digits."""
    ends = [low * (high / low) ** place for place in places]
    units = [10.0 ** (floor(log10(end)) + 1 - _DIGITS) for end in ends]
    counts = floor(ends[0] / units[0] + _ROUNDING), ceil(ends[1] / units[1] - _ROUNDING)
    rounded = (count * unit for count, unit in zip(counts, units, strict=True))
    lower, upper = (float(f"{end:.{_DIGITS}g}") for end in rounded)
    return max(lower, low), min(upper, high)
