"""The pages that commands end with."""

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.table import Table

from cappuccino_assets.types import Json

_UI: Final = "`make dev`, then http://localhost:3000"


def print_outcome(standing: Json) -> None:
    """Show what a run ended with: winner, comparison, archive, and where everything lies."""
    console = Console(highlight=False)
    for table in (_phase1(standing), _phase2(standing), _archive(standing)):
        if table is not None:
            console.print(table)
    _print_end(console, standing)


def print_status(standing: Json) -> None:
    """Show how far a campaign is, and what it has reached."""
    console = Console(highlight=False)
    campaign = standing["campaign"]
    done = campaign["completed_at"]
    console.print(
        f"Campaign [bold]{campaign['name']}[/], profile {campaign['profile']}, "
        f"{campaign['source']}, begun {campaign['started_at'][:16]} UTC, "
        + (f"finished {done:%Y-%m-%d %H:%M} UTC" if done else "not finished"),
        soft_wrap=True,
    )
    console.print(_studies(standing["studies"]))
    print_outcome(standing)


def _studies(studies: Iterable[Json]) -> Table:
    table = Table("study", "complete", "pruned", "failed", "running", "best", title="Studies")
    for study in studies:
        counts = (str(study[f"n_{state}"]) for state in ("complete", "pruned", "failed", "running"))
        table.add_row(study["study_name"], *counts, _number(study["best_score"]))
    return table


def _phase1(standing: Json) -> Table | None:
    winner = standing["phase1_winner"]
    if winner is None:
        return None
    title = f"Phase 1: {winner['timeframe']} cycles of {winner['interval']} bars"
    table = _results(title)
    table.add_row("ppo", *_result(winner))
    return table


def _phase2(standing: Json) -> Table | None:
    comparison = standing["phase2_comparison"]
    if comparison is None:
        return None
    table = _results(f"Phase 2: {comparison['winner']} wins")
    for algorithm, result in comparison["results"].items():
        table.add_row(algorithm, *_result(result))
    return table


def _results(title: str) -> Table:
    columns = ("algorithm", "best trial", "score", "Sharpe", "HODL's Sharpe", "trials")
    return Table(*columns, title=title, title_justify="left")


def _result(result: Json) -> tuple[str, ...]:
    return (
        f"{result['study_name']} #{result['best_trial_number']}",
        _number(result["best_value"]),
        _number(result["best_sharpe_bot"]),
        _number(result["best_sharpe_hodl"]),
        str(result["n_trials"]),
    )


def _archive(standing: Json) -> Table | None:
    if not standing["archive"]:
        return None
    table = Table("VIN", "grade", "score", "gate", title="Archive", title_justify="left")
    for entry in standing["archive"]:
        below = " (below threshold)" if entry["below_threshold"] else ""
        gate = "gated" if entry["gated"] else "not gated"
        table.add_row(entry["vin"], entry["grade"], _number(entry["score"]) + below, gate)
    return table


def _print_end(console: Console, standing: Json) -> None:
    console.print(f"\n[bold]{standing['verdict']}[/]\n", soft_wrap=True)
    ensemble = standing["ensemble"]
    if ensemble is not None:
        members = len(ensemble["members"])
        console.print(f"ensemble   generation {ensemble['generation']}, {members} members")
    for name, path in standing["files"].items():
        console.print(f"{name:<10} {path}", soft_wrap=True)
    console.print(f"{'pages':<10} {_UI}", soft_wrap=True)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"
