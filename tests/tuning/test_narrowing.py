"""A narrowed space: inside of the earlier one, with the best trials in it, by what was shown."""

from dataclasses import replace

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from cappuccino_assets.tuning.narrowing import (
    Narrowing,
    apply,
    around,
    narrowed_ranges,
    single,
    without_absent,
)
from cappuccino_assets.tuning.ranges import search_space
from cappuccino_assets.tuning.spaces import Consumer, Parameter, SearchSpace

SPACES = [
    search_space(phase=phase, algorithm=algorithm, ranges=ranges)
    for ranges in ("mini", "full", "placebo")
    for phase, algorithm in ((1, "ppo"), (2, "ppo"), (2, "ddqn"))
]
RANGES = list(dict.fromkeys(each.distribution for space in SPACES for each in space.parameters))
NUMBERS = [each for each in RANGES if each.is_ordered]
places = st.floats(0.0, 1.0)
widths = st.floats(0.25, 1.0)


def values_of(distribution: Distribution, n: int = 400) -> set[Value]:
    return {distribution.at(place) for place in np.linspace(0, 1, n).tolist()}


@pytest.mark.parametrize("distribution", RANGES, ids=str)
def test_what_a_range_yields_belongs_to_it_and_has_its_place(distribution: Distribution) -> None:
    for place in np.linspace(0, 1, 101).tolist():
        value = distribution.at(place)
        assert distribution.contains(value)
        assert distribution.at(distribution.place(value)) == pytest.approx(value)
        assert distribution.value(distribution.raw(value)) == value
    assert distribution_from_json(distribution.to_json()) == distribution


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NUMBERS), st.lists(places, min_size=1, max_size=12), widths)
def test_a_narrowed_range_lies_in_the_earlier_one_and_holds_the_best(
    before: Distribution, drawn: list[float], min_width: float
) -> None:
    top = [before.at(place) for place in drawn]
    after = around(before, top, min_width=min_width)
    assert type(after) is type(before)
    assert all(after.contains(value) for value in top)
    assert all(before.contains(value) for value in values_of(after))  # on its grid, and not empty
    assert around(before, top, min_width=min_width) == after
    width = before.place(after.at(1.0)) - before.place(after.at(0.0))
    coarse = isinstance(before, OneMinusLogUniform)  # three decimals, where 0.001 is its low end
    assert width >= min_width - (0.3 if coarse else 0.05)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(NUMBERS), st.lists(places, min_size=2, max_size=12), st.data())
def test_narrowing_twice_stays_inside(
    before: Distribution, drawn: list[float], data: st.DataObject
) -> None:
    once = around(before, [before.at(place) for place in drawn], min_width=0.25)
    again = [once.at(place) for place in data.draw(st.lists(places, min_size=1, max_size=5))]
    twice = around(once, again, min_width=0.5)
    assert all(twice.contains(value) for value in again)
    assert all(before.contains(value) and once.contains(value) for value in values_of(twice, 50))


def drawn_from(distribution: Distribution, n: int, seed: int) -> list[Value]:
    """Values that trials draw; `at` would only find those nearest to a place."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [distribution.value(distribution.draw(study.ask(), "x")) for _ in range(n)]


GAMMA = OneMinusLogUniform(0.001, 0.1, 3)
BOTH = st.one_of(st.just(GAMMA), st.sampled_from(NUMBERS))


@settings(max_examples=150, deadline=None)
@given(BOTH, st.lists(places, min_size=1, max_size=8), widths, st.integers(0, 2**31))
def test_what_trials_draw_from_a_narrowed_range_belongs_to_it_narrowed_twice_too(
    before: Distribution, tops: list[float], min_width: float, seed: int
) -> None:
    once = around(before, [before.at(place) for place in tops], min_width=min_width)
    drawn = drawn_from(once, 12, seed)
    twice = around(once, drawn[:3], min_width=min_width)
    again = drawn_from(twice, 12, seed + 1)
    assert all(once.contains(value) and before.contains(value) for value in [*drawn, *again])
    assert all(twice.contains(value) for value in [*drawn[:3], *again])
    for value in again:
        raw = twice.raw(value)  # what is put in a queue
        assert twice.value(raw) == value
        assert 0 <= twice.place(value) <= 1
        assert not isinstance(twice, OneMinusLogUniform) or twice.low <= raw <= twice.high


def test_an_end_between_two_decimals_leaves_what_rounds_to_the_first() -> None:
    narrow = replace(GAMMA, low=0.00129, high=0.0236)
    assert narrow.contains(narrow.value(0.0013))  # 0.999, whose rounded complement is 0.001
    assert narrow.contains(0.976)
    assert not narrow.contains(1.0)
    assert not narrow.contains(0.975)
    assert not replace(GAMMA, low=0.0016).contains(0.999)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=21, max_size=200), st.integers(3, 20))
def test_a_category_goes_only_if_its_absence_says_something(values: list[str], n_top: int) -> None:
    after = without_absent(Choice(("a", "b", "c", "d")), values, n_top)
    assert set(values[:n_top]) <= set(after.values)
    assert set(after.values) <= set("abcd")
    for gone in set("abcd") - set(after.values):
        assert values.count(gone) * n_top > len(values)  # more than one was to be expected


def test_the_margin_is_what_a_uniform_range_has_beyond_its_extremes() -> None:
    def cut(before: Distribution, top: list[Value]) -> Distribution:
        return around(before, top, min_width=0.25)

    percent = Integers(0, 100)
    assert cut(percent, [40, 50, 60, 70]) == Integers(30, 80)  # 30 / (4 - 1)
    assert cut(percent, [10, 20, 60, 100]) == Integers(0, 100)
    assert cut(percent, [48, 50, 52]) == Integers(37, 63)  # a quarter is left
    assert cut(percent, [100, 100]) == Integers(75, 100)
    assert cut(LogUniform(1e-6, 1e-2), [1e-5, 1e-4]) == LogUniform(1e-6, 1e-3)
    assert cut(Uniform(0.0, 1.0, 0.05), [0.5, 0.6, 0.7]) == Uniform(0.4, 0.8, 0.05)
    assert cut(Choice((0.0, 0.05, 0.1, 0.15)), [0.1, 0.1]) == Choice((0.05, 0.1, 0.15))
    assert cut(OneMinusLogUniform(0.001, 0.1, 3), [0.99, 0.98, 0.97]).contains(0.985)


@pytest.mark.parametrize(("n_top", "kept"), [(3, 0.78), (6, 0.87), (20, 0.95)])
def test_without_any_effect_a_range_keeps_most_of_its_width(n_top: int, kept: float) -> None:
    """By simulation; beyond the earlier range nothing is added, or it would be all of it."""
    random, before = np.random.default_rng(0), Uniform(0.0, 1.0, 0.001)
    after = [
        around(before, random.random(n_top).round(3).tolist(), min_width=0.25) for _ in range(1_000)
    ]
    assert np.mean([each.high - each.low for each in after]) == pytest.approx(kept, abs=0.03)


def test_a_fixed_range_has_one_value() -> None:
    assert values_of(single(Choice(("a", "b")), "a")) == {"a"}
    assert values_of(single(Integers(1, 9), 4)) == {4}
    assert values_of(single(Uniform(0.1, 0.4, 0.05), 0.3)) == {0.3}
    assert len(values_of(single(LogUniform(1e-6, 1e-2), 1e-4))) > 1  # no one value of many


PARAMETERS = {
    "strength": Integers(0, 19),
    "switch": Choice(("on", "off")),
    "level": Choice((1, 2, 4, 8)),
    **{f"idle_{n}": Uniform(0.0, 1.0, 0.01) for n in range(6)},
}
SPACE = SearchSpace(
    phase=2,
    algorithm="ppo",
    parameters=tuple(
        Parameter(name=name, distribution=each, unit="", consumer=Consumer.AGENT)
        for name, each in PARAMETERS.items()
    ),
)


def trials_of(n: int, *, edge: float, switch: float = 0.0, seed: int = 0) -> list[KnownTrial]:
    """Trials drawn at random whose score is luck, but for what the strength and switch add."""
    random = np.random.default_rng(seed)
    trials = []
    for number in range(n):
        params = {name: each.at(float(random.random())) for name, each in PARAMETERS.items()}
        score = float(random.normal()) + edge * float(params["strength"])
        score += switch * (params["switch"] == "on")
        trials.append(KnownTrial(number=number, score=score, params=params))
    return trials


def changed(narrowings: tuple[Narrowing, ...]) -> dict[str, Distribution]:
    return {each.parameter: each.after for each in narrowings if each.before != each.after}


def shown(narrowings: tuple[Narrowing, ...]) -> list[str]:
    return [each.parameter for each in narrowings if each.is_shown]


def test_what_is_shown_to_matter_is_narrowed_around_the_best() -> None:
    trials = trials_of(100, edge=1.0)
    narrowings = narrowed_ranges(SPACE, trials, seed=0)
    best = sorted(trials, key=lambda trial: -trial.score)[:10]
    assert shown(narrowings) == ["strength"]
    after = changed(narrowings)["strength"]
    assert isinstance(after, Integers)
    assert after.low >= 10
    assert after.high == 19
    assert all(after.contains(each.params["strength"]) for each in best)
    whys = {each.parameter: each.why for each in narrowings}
    assert whys["strength"].startswith(
        "Shown to matter: what the best 10 span, with a margin (effect +0."
    )
    assert whys["switch"].startswith("Not shown to matter (effect")


def test_what_all_of_the_best_have_is_fixed_only_if_chance_would_not_do_it() -> None:
    many = narrowed_ranges(SPACE, trials_of(300, edge=0.0, switch=20.0), seed=0)
    few = narrowed_ranges(SPACE, trials_of(30, edge=0.0, switch=20.0), seed=0)
    assert changed(many)["switch"] == Choice(("on",))
    assert "switch" not in changed(few)  # three of three have it, one in eight times by chance


def test_what_is_luck_is_narrowed_to_no_less_than_half_and_loses_no_category() -> None:
    """One study in twenty may have a false finding."""
    found = [narrowed_ranges(SPACE, trials_of(60, edge=0.0, seed=s), seed=0) for s in range(40)]
    assert sum(bool(shown(each)) for each in found) <= 6
    for narrowings in found:
        for each in narrowings:
            if each.parameter in shown(narrowings):
                continue
            assert each.parameter != "switch" or each.after == each.before
            lost = len(values_of(each.before) - values_of(each.after))
            assert lost <= len(values_of(each.before)) / 2


def test_without_an_effect_most_of_the_space_is_left() -> None:
    """Six parameters of 101 values, by the best six of sixty trials."""
    kept = [
        len(values_of(each.after)) / 101
        for seed in range(40)
        for each in narrowed_ranges(SPACE, trials_of(60, edge=0.0, seed=seed), seed=0)
        if each.parameter.startswith("idle")
    ]
    assert np.mean(kept) > 0.85


@pytest.mark.parametrize("n", [0, 1, 20])
def test_too_few_trials_narrow_nothing_and_it_is_said(n: int) -> None:
    narrowings = narrowed_ranges(SPACE, trials_of(n, edge=5.0), seed=0)
    assert changed(narrowings) == {}
    assert {each.why for each in narrowings} == {
        f"21 trials that can be compared are needed, but there are {n}."
    }


def test_trials_that_are_all_the_same_narrow_nothing() -> None:
    same = trials_of(1, edge=0.0)[0]
    narrowings = narrowed_ranges(SPACE, [replace(same, number=n) for n in range(30)], seed=0)
    assert changed(narrowings) == {}


def test_the_same_trials_give_the_same_space() -> None:
    one, other = (narrowed_ranges(SPACE, trials_of(80, edge=0.5), seed=3) for _ in range(2))
    assert one == other
    assert apply(SPACE, one).digest == apply(SPACE, other).digest
    assert apply(SPACE, one).digest != SPACE.digest
    assert tuple(Narrowing.from_json(each.to_json()) for each in one) == one
