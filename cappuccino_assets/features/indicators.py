"""The eleven indicators of one symbol."""

from typing import Final

INDICATOR_NAMES: Final = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "macd",
    "macd_signal",
    "macd_hist",
    "rsi",
    "cci",
    "dx",
)
INDICATOR_VERSIONS: Final = (
    "log_price_to_previous_close/1",
    "log_volume_to_mean_20/1",
    "macd_12_26_9_to_close/1",
    "rsi_14/1",
    "cci_14/1",
    "dx_14/1",
    "equal_weight_basket/1",
)
RECURSIVE_MEMORY_BARS: Final = 250  # what is older weighs less than 1e-8 in any average here
