"""What the final test of one model takes: `python -m bench.final_test`, untrained weights."""

import sys
from datetime import UTC, datetime
from functools import partial

import torch

from bench.decisions import untrained_model
from bench.peers.task import market_arrays
from bench.timing import timed
from cappuccino_assets.evaluation.holdout import cut_holdout
from cappuccino_assets.features.contract import Layout
from cappuccino_assets.registry.finalists import final_test

WIDTHS = (128, 512, 1280, 2560)


def main() -> None:
    """Test a model of every width on the last 15 % of a year of hours."""
    torch.set_num_threads(1)
    arrays = market_arrays(layout=Layout.COMPACT)
    start = int(arrays.open_time[int(0.85 * arrays.n_bars)])
    holdout = cut_holdout(arrays, datetime.fromtimestamp(start, UTC), lookback=5)
    sys.stdout.write("width   bars   seconds of one core\n")
    for width in WIDTHS:
        seconds = timed(partial(final_test, untrained_model(width, seed=1), holdout))
        n_bars = holdout.blocks[0].n_bars
        sys.stdout.write(f"{width:5d} {n_bars:6,d} {seconds:9.1f}\n")


if __name__ == "__main__":
    main()
