"""Small multiples of what was measured."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report import Table
from bench.scaling import BARS, ENVS, MEMBERS, WIDTHS

mpl.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})


def plot(tables: Mapping[str, Table], path: Path) -> None:
    """Draw one PNG of the scaling tables, the contests and the use of two cores."""
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    axes = figure.subplots(2, 3).flatten()
    _line(axes[0], tables[MEMBERS], "seconds a member")
    _line(axes[1], tables[ENVS], "environment steps/s")
    _line(axes[2], tables[BARS], "environment steps/s, 6 x 64")
    _line(axes[3], tables[WIDTHS], "GFLOP/s", columns=(1, 2))
    _trainings(axes[4], tables)
    _cores(axes[5], tables["Two cores against one"])
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _line(axes: Axes, table: Table, title: str, *, columns: tuple[int, ...] = (1,)) -> None:
    x = [row[0] for row in table.rows]
    for column in columns:
        axes.plot(x, [row[column] for row in table.rows], "o-", label=table.columns[column])
    axes.set_xscale("log", base=2)
    axes.set_xticks(x, [f"{value:,}" for value in x], rotation=45 if len(x) > 5 else 0)
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    axes.set_xlabel(table.columns[0])
    axes.set_title(title)
    if len(columns) > 1:
        axes.legend(frameon=False)


def _trainings(axes: Axes, tables: Mapping[str, Table]) -> None:
    contests = {t: table for t, table in tables.items() if t.startswith("A PPO training")}
    named = ("ours, 64 envs", "Stable-Baselines3, 8 envs", "CleanRL-style loop, 8 envs")
    for i, name in enumerate(named):
        heights = [
            next(row[3] for row in table.rows if row[0] == name) for table in contests.values()
        ]
        places = [place + 0.27 * (i - 1) for place in range(len(heights))]
        bars = axes.bar(places, heights, 0.25, label=name)
        axes.bar_label(bars, fmt="%.1f", fontsize=6)
    axes.set_xticks(range(len(contests)), [title.split()[-1] for title in contests])
    axes.set_xlabel("width")
    axes.set_title("time of a PPO training, ours = 1")
    axes.margins(y=0.55)
    axes.legend(frameon=False, fontsize=7)


def _cores(axes: Axes, table: Table) -> None:
    if not table.rows:  # by the wall clock: nothing worth showing from a shared machine
        axes.set_axis_off()
        return
    for i, row in enumerate(table.rows):
        gains = [float(str(cell).split()[0]) for cell in row[1:]]
        places = [place + 0.3 * (i - 0.5) for place in range(len(gains))]
        bars = axes.bar(places, gains, 0.28, label=str(row[0]))
        axes.bar_label(bars, fmt="%.2f", fontsize=7)
    axes.set_xticks(range(len(table.columns) - 1), table.columns[1:])
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set_title("two cores, one core = 1")
    axes.margins(y=0.55)
    axes.legend(frameon=False, fontsize=7)
