from dataclasses import replace

import numpy as np
import pytest

from cappuccino_assets.errors import HistoryTooShortError
from cappuccino_assets.market.intervals import Interval, Timeframe
from cappuccino_assets.tuning.plans import require_enough_history
from cappuccino_assets.tuning.profiles import FULL, MINI, profile_named
from cappuccino_assets.tuning.seeds import derive_seed
from tests.tuning.small import small_arrays, small_plan


def test_a_seed_follows_from_its_identity() -> None:
    # printf '[0,"a",1]' | sha256sum begins with these digits
    assert derive_seed(0, "a", 1) == 0xCCBE6674F23B0BDC // 2
    seeds = {derive_seed(s, name, n) for s in range(3) for name in ("a", "b") for n in range(50)}
    assert len(seeds) == 300
    assert derive_seed(1, 11) != derive_seed(11, 1)


def test_incident_21_equal_trial_numbers_of_two_studies_have_nothing_in_common() -> None:
    arrays = small_arrays(10)
    one, other = small_plan(arrays), small_plan(arrays, study_name="other/phase1_ppo")

    assert one.seed_of(5) != other.seed_of(5)
    assert one.seed_of(5) != replace(one, seed=1).seed_of(5)


def test_the_profiles() -> None:
    assert MINI.n_trials == 20
    assert MINI.combinations == ((Timeframe.D5, Interval.H1), (Timeframe.D7, Interval.H1))
    assert MINI.intervals == (Interval.H1,)
    assert FULL.n_trials == 900
    assert len(FULL.combinations) == 25
    assert FULL.intervals == tuple(Interval)
    assert profile_named("full") is FULL
    with pytest.raises(ValueError, match="'mini', 'medium', 'medium_5m', 'full'"):
        profile_named("huge")


def test_the_purge_covers_memory_and_lookback() -> None:
    plan = small_plan(small_arrays(10))

    splits = plan.splits(memory_bars=250, lookback=4)

    assert (splits.purge_bars, splits.embargo_bars) == (253, 6)
    assert splits.min_train_bars == 5 * 18


def test_the_search_does_not_see_the_hold_out() -> None:
    arrays = small_arrays(1000)

    search = small_plan(arrays).search_arrays(arrays)

    # 0.85 of 1,250 bars are 1,062 whole ones, and 250 of these warm the features up.
    assert search.n_bars == 812
    np.testing.assert_array_equal(search.open_time, arrays.open_time[:812])


def test_the_members_of_a_trial_and_its_neighbours_have_seeds_of_their_own() -> None:
    plan = small_plan(small_arrays(10))

    seeds = [seed for number in range(20) for seed in plan.member_seeds(number, 7)]

    assert len(set(seeds)) == 140
    assert plan.member_seeds(3, 7)[:6] == plan.member_seeds(3, 6)


def test_the_features_of_phase_2_are_the_enhanced_ones() -> None:
    arrays = small_arrays(10)

    assert not small_plan(arrays).contract.enhanced
    assert small_plan(arrays, phase=2).contract.enhanced


@pytest.mark.parametrize("n_rows", [20, 600])  # warming up ends in the hold-out, and before it
@pytest.mark.parametrize("phase", [1, 2])
def test_a_short_history_is_refused_with_the_number_of_bars_that_suffices(
    n_rows: int, phase: int
) -> None:
    def require(n_rows: int) -> None:
        arrays = small_arrays(n_rows, enhanced=phase == 2)
        require_enough_history(small_plan(arrays, phase=phase), arrays)

    with pytest.raises(HistoryTooShortError, match="250 warm the features up") as refusal:
        require(n_rows)
    assert refusal.value.n_bars == n_rows + 250  # the rows and their warm-up

    require(refusal.value.n_required - 250)
    with pytest.raises(HistoryTooShortError) as one_less:
        require(refusal.value.n_required - 251)
    assert one_less.value.n_required == refusal.value.n_required
