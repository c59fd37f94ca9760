"""The grid of phase 1: one cell per timeframe and interval."""

from typing import Final

import dagster as dg

from cappuccino_assets.market.intervals import Interval, Timeframe

COMBINATIONS: Final = dg.MultiPartitionsDefinition(
    {
        "timeframe": dg.StaticPartitionsDefinition([str(each) for each in Timeframe]),
        "interval": dg.StaticPartitionsDefinition([str(each) for each in Interval]),
    }
)


def combination_key(timeframe: str, interval: str) -> dg.MultiPartitionKey:
    """Name one cell of the grid."""
    return dg.MultiPartitionKey({"timeframe": timeframe, "interval": interval})
