from math import ceil, nan, sqrt

import numpy as np
import pytest
from arch.bootstrap import optimal_block_length
from scipy.signal import lfilter

from cappuccino_assets.evaluation.block_length import stationary_block_bars
from cappuccino_assets.types import FloatArray


def autoregression(n_bars: int, memory: float, *, seed: int = 0) -> FloatArray:
    noise = np.random.default_rng(seed).normal(0.0, 0.01, n_bars + 500)
    return lfilter([1.0], [1.0, -memory], noise)[500:]


@pytest.mark.parametrize("n_bars", [50, 333, 5_000])
@pytest.mark.parametrize("memory", [-0.5, 0.0, 0.3, 0.9])
def test_another_library_agrees(n_bars: int, memory: float) -> None:
    for seed in range(5):
        series = autoregression(n_bars, memory, seed=seed)

        expected = optimal_block_length(series)["stationary"].item()

        # Theirs divides autocovariances by the bars that overlap, and knows no shortest block.
        assert stationary_block_bars(series) == pytest.approx(max(1.0, expected), rel=1e-6)


def test_a_longer_memory_has_longer_blocks() -> None:
    lengths = [stationary_block_bars(autoregression(20_000, memory)) for memory in (0, 0.3, 0.9)]

    # In theory (2 G^2 / D T)^(1/3), for AR(1) G / D's root = 2 m / (1 - m^2): 20.6 and 121.5 bars.
    theory = [(20_000 * (2 * m / (1 - m**2)) ** 2) ** (1 / 3) for m in (0.3, 0.9)]
    assert lengths[0] < 10
    assert lengths[1:] == pytest.approx(theory, rel=0.35)


def test_blocks_are_no_longer_than_the_history_allows() -> None:
    for n_bars, longest in ((100, 30), (400, 60), (50, 17)):  # 3 sqrt(T), or T / 3 if shorter
        swinging = autoregression(n_bars, -0.9, seed=2)

        assert longest == ceil(min(3 * sqrt(n_bars), n_bars / 3))
        assert stationary_block_bars(swinging) <= longest
    assert stationary_block_bars(autoregression(400, -0.9, seed=2)) == 60


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (np.arange(19.0), "20 finite values"),
        (np.append(np.arange(30.0), nan), "20 finite values"),
        (np.zeros((30, 2)), "20 finite values"),
        (np.full(30, 0.5), "all are 0.5"),
    ],
)
def test_a_series_without_a_memory_of_its_own_is_refused(series: FloatArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stationary_block_bars(series)
