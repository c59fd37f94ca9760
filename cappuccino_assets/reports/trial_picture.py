"""The equity picture of one trial, kept as a file."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from cappuccino_assets.reports.equity import (
    equity_paths,
    equity_sketch,
    equity_svg,
    markdown_image,
)
from cappuccino_assets.storage.files import write_bytes
from cappuccino_assets.storage.layout import WarehouseLayout


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture for people.

    Args:
        sketch: A small one without axes, in Markdown short enough for the UI to show at once.
        markdown: The picture embedded in Markdown.
        path: The same, as an SVG file.
    """

    sketch: str
    markdown: str
    path: Path


def draw_trial(
    layout: WarehouseLayout, study_name: str, number: int, *, score: float, name: str
) -> Picture:
    """Draw the equity of a trial against buying and holding.

    Args:
        layout: Where its returns lie, and the pictures go.
        study_name: Study of the trial.
        number: Its number in that study.
        score: Its score.
        name: Name of the file, without its ending.
    """
    returns = pl.read_parquet(layout.trial(study_name, number) / "returns.parquet")
    title = f"{study_name} trial {number}: score {score:+.3f}, test bars only"
    paths = equity_paths(returns)
    svg = equity_svg(paths, title=title)
    path = layout.reports / f"{name}.svg"
    write_bytes(path, svg.encode())
    return Picture(
        sketch=markdown_image(equity_sketch(paths), text="equity"),
        markdown=markdown_image(svg, text=title),
        path=path,
    )
