"""What `cappuccino status` shows of now: who is at work, who follows another, what has no end."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cappuccino_assets.types import Json

_COLUMNS: Final = ("study", "trial", "host", "pid", "since", "last sign", "health")
_HEALTH: Final = {"alive": "alive", "stale": "[red]no sign of life[/]", "gone": "[red]gone[/]"}


def print_now(now: Json, console: Console) -> None:
    """Show who is at work on what, and what is not as it should be."""
    if now["workers"]:
        console.print(_workers(now["workers"]))
    elif now["search_is_under_way"]:
        console.print("A search is under way; no trial is being run at this moment.")
    else:
        console.print("Nobody is at work.")
    following = now["following"]
    if following["astray"]:
        colour = "yellow" if following["agreed"] else "red"
        console.print(f"[{colour}]{escape(following['text'])}[/]", soft_wrap=True)
    for run in now["closed_runs"]:
        console.print(f"Closed as failed, for its process is gone: {_run(run)}", soft_wrap=True)
    for run in now["unfinished_runs"]:
        console.print(f"Without an end: {_run(run)}", soft_wrap=True)


def _workers(workers: Sequence[Json]) -> Table:
    columns = [Column(name, overflow="fold") for name in _COLUMNS]
    table = Table(*columns, title="At work", title_justify="left")
    for each in workers:
        table.add_row(
            escape(each["study_name"]),
            str(each["number"]),
            escape(each["host"]),
            str(each["pid"]),
            (each["asked_at"] or "-")[11:16],
            "never" if each["silent_s"] is None else f"{each['silent_s']:.0f} s ago",
            _HEALTH[each["health"]],
        )
    return table


def _run(run: Json) -> str:
    process = "of an unknown process" if run["pid"] is None else _process(run)
    return escape(f"run {run['run_id'][:8]}, {run['job']}, {run['status'].lower()}, {process}")


def _process(run: Json) -> str:
    return f"process {run['pid']} of {run['host']}"
