from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from cappuccino_assets.evaluation.multiple_comparisons import benjamini_hochberg, holm

p_lists = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30)


def test_by_hand() -> None:
    p_values = np.array([0.01, 0.04, 0.03, 0.005])

    # In order 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, none below the one before.
    assert holm(p_values).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # 0.005 x 4 / 1, 0.01 x 4 / 2, 0.03 x 4 / 3, 0.04 x 4 / 4, none above the one after.
    assert benjamini_hochberg(p_values).tolist() == pytest.approx([0.02, 0.04, 0.04, 0.02])


@pytest.mark.slow  # statsmodels takes its time
@given(p_lists)
def test_other_libraries_agree(p_list: list[float]) -> None:
    p_values = np.array(p_list)

    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1])
    np.testing.assert_allclose(benjamini_hochberg(p_values), false_discovery_control(p_values))


@given(p_lists)
def test_adjusting_makes_nothing_more_certain(p_list: list[float]) -> None:
    p_values = np.array(p_list)

    assert (p_values <= benjamini_hochberg(p_values) * (1 + 1e-12)).all()
    assert (benjamini_hochberg(p_values) <= holm(p_values) * (1 + 1e-12)).all()
    assert holm(p_values).max() <= 1.0


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("bad", [[], [0.1, nan], [1.1], [-0.1], [[0.1]]])
def test_what_is_no_p_value_is_refused(adjust, bad: list[float]) -> None:
    with pytest.raises(ValueError, match="p-value"):
        adjust(np.array(bad))
