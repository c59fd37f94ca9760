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
    with pytest.raises(ValueError, match="'mini', 'full'"):
        profile_named("huge")


def test_the_purge_covers_memory_and_lookback() -> None:
    plan = small_plan(small_arrays(10))

    splits = plan.splits(memory_bars=250, lookback=4)

    assert (splits.purge_bars, splits.embargo_bars) == (253, 6)
    assert splits.min_train_bars == 5 * 18


def test_the_search_does_not_see_the_hold_out() -> None:
    arrays = small_arrays(1000)

    search = small_plan(arrays).search_arrays(arrays)

    assert search.n_bars == 850
    np.testing.assert_array_equal(search.open_time, arrays.open_time[:850])


def test_a_short_history_is_refused_with_the_number_of_bars_that_suffices() -> None:
    plan = small_plan(small_arrays(10))
    with pytest.raises(HistoryTooShortError, match="250 warm the features up") as refusal:
        require_enough_history(plan, small_arrays(600))
    assert refusal.value.n_bars == 850  # 600 rows and their warm-up

    n_rows = refusal.value.n_required - 250
    require_enough_history(plan, small_arrays(n_rows))
    with pytest.raises(HistoryTooShortError):
        require_enough_history(plan, small_arrays(n_rows - 2))  # one less to search on
