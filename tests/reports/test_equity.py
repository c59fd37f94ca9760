"""The picture of a trial's equity."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from cappuccino_assets.reports.equity import equity_paths, equity_svg, markdown_image
from cappuccino_assets.reports.trial_picture import draw_trial
from cappuccino_assets.storage.layout import WarehouseLayout

START = datetime(2026, 1, 1, tzinfo=UTC)


def returns(split, group, bot, hodl):
    """Two bars of one group in one split."""
    times = [START + timedelta(hours=2 * group + bar) for bar in range(2)]
    return pl.DataFrame(
        {"split": split, "group": group, "open_time": times, "bot_return": bot, "hodl_return": hodl}
    )


@pytest.fixture
def three_splits():
    """Groups 0, 1, 2; each pair of them is tested once, so each group twice."""
    return pl.concat(
        [
            returns(0, 0, [0.1, 0.0], [0.5, 0.0]),
            returns(0, 1, [0.0, 0.0], [0.0, 0.0]),
            returns(1, 0, [0.2, 0.0], [0.5, 0.0]),
            returns(1, 2, [0.0, 1.0], [0.0, -0.5]),
            returns(2, 1, [-0.5, 0.0], [0.0, 0.0]),
            returns(2, 2, [0.0, 0.5], [0.0, -0.5]),
        ]
    )


def test_each_path_takes_one_result_per_group(three_splits):
    first, second = equity_paths(three_splits)
    assert first.bot.tolist() == pytest.approx([1.1, 1.1, 1.1, 1.1, 1.1, 2.2])
    assert second.bot.tolist() == pytest.approx([1.2, 1.2, 0.6, 0.6, 0.6, 0.9])
    assert first.hodl.tolist() == second.hodl.tolist() == pytest.approx([1.5] * 5 + [0.75])
    assert (first.open_time[1:] > first.open_time[:-1]).all()


def test_nothing_to_show_is_an_error(three_splits):
    with pytest.raises(ValueError, match="no equity"):
        equity_paths(three_splits.clear())


def test_the_picture_is_small_whole_and_the_same_every_time(three_splits):
    svg = equity_svg(equity_paths(three_splits), title="score +0.1")
    assert svg.rstrip().endswith("</svg>")
    assert "score +0.1" in svg
    assert "equal-weight HODL" in svg
    assert len(svg) < 40_000
    assert svg == equity_svg(equity_paths(three_splits), title="score +0.1")
    assert markdown_image(svg, text="t").startswith("![t](data:image/svg+xml;base64,")


def test_a_trial_is_drawn_from_its_own_returns(tmp_path, three_splits):
    layout = WarehouseLayout(root=tmp_path)
    folder = layout.trial("winter/phase2_ppo", 3)
    folder.mkdir(parents=True)
    three_splits.write_parquet(folder / "returns.parquet")
    picture = draw_trial(layout, "winter/phase2_ppo", 3, score=-0.25, name="best")
    assert len(picture.sketch) < 1000  # or the UI hides it behind a click
    assert picture.path == layout.reports / "best.svg"
    assert "winter/phase2_ppo trial 3: score -0.250" in picture.path.read_text()
