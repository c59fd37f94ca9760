import json
from math import sqrt

import numpy as np
import pytest

from cappuccino_assets.errors import ConstantColumnError
from cappuccino_assets.features.scaling import Scaler, fit_scaler

FEATURES = np.array([[1.0, 10.0], [3.0, 30.0], [100.0, -5.0], [5.0, 20.0]], dtype=np.float32)
TRAINING = np.array([True, True, False, True])


def test_mean_and_deviation_are_those_of_the_training_rows():
    scaler = fit_scaler(FEATURES, TRAINING)
    assert scaler.mean == pytest.approx((3.0, 20.0))
    assert scaler.std == pytest.approx((sqrt(8 / 3), sqrt(200 / 3)))


def test_a_mask_and_row_numbers_mean_the_same():
    assert fit_scaler(FEATURES, TRAINING) == fit_scaler(FEATURES, np.array([0, 1, 3]))


def test_incident_46_changing_test_rows_changes_nothing_fitted():
    changed = FEATURES.copy()
    changed[~TRAINING] = [-1e6, 7.0]
    assert fit_scaler(changed, TRAINING) == fit_scaler(FEATURES, TRAINING)


def test_incident_45_a_column_that_is_constant_in_training_is_refused_by_name():
    features = FEATURES.copy()
    features[TRAINING, 1] = 0.1
    with pytest.raises(ConstantColumnError, match=r"rsi$|rsi\."):
        fit_scaler(features, TRAINING, columns=("close", "rsi"))


def test_the_sums_are_taken_in_float64():
    features = np.tile(np.array([[1e4], [1e4 + 1]], dtype=np.float32), (50_000, 1))
    scaler = fit_scaler(features, np.ones(len(features), dtype=bool))
    assert scaler.mean[0] == pytest.approx(10_000.5, abs=1e-8)
    assert scaler.std[0] == pytest.approx(0.5, abs=1e-8)


def test_no_training_rows_are_refused():
    with pytest.raises(ValueError, match="at least one training row"):
        fit_scaler(FEATURES, np.zeros(4, dtype=bool))


def test_a_scaler_survives_json_exactly():
    scaler = Scaler(mean=(0.1, 1 / 3), std=(1e-17, 2.0))
    assert Scaler.from_json(json.loads(json.dumps(scaler.to_json()))) == scaler


@pytest.mark.parametrize(
    ("mean", "std"),
    [((0.0,), (1.0, 1.0)), ((0.0,), (0.0,)), ((float("nan"),), (1.0,)), ((0.0,), (-1.0,))],
)
def test_a_state_that_cannot_scale_is_refused(mean, std):
    with pytest.raises(ValueError, match="A scaler needs"):
        Scaler(mean=mean, std=std)
