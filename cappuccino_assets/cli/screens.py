"""The pages that commands end with."""

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.table import Column, Table

from cappuccino_assets.types import Json

_UI: Final = "`make dev`, then http://localhost:3000"
_NARROWEST: Final = 110  # a VIN is never cut


def print_outcome(standing: Json) -> None:
    """Show what a run ended with: winner, comparison, archive, and where everything lies."""
    console = _console()
    console.print(f"\nCampaign [bold]{standing['campaign']['name']}[/]", soft_wrap=True)
    _print_outcome(console, standing)


def print_status(standing: Json) -> None:
    """Show how far a campaign is, and what it has reached."""
    console = _console()
    campaign, finished = standing["campaign"], standing["campaign"]["completed_at"]
    console.print(f"Campaign [bold]{campaign['name']}[/]", soft_wrap=True)
    console.print(f"{campaign['source']}, profile {campaign['profile']}", soft_wrap=True)
    console.print(f"begun {campaign['started_at'][:16]} UTC", soft_wrap=True)
    console.print(f"finished {finished:%Y-%m-%dT%H:%M} UTC" if finished else "not finished")
    console.print(_studies(standing["studies"]))
    _print_outcome(console, standing)


def _print_outcome(console: Console, standing: Json) -> None:
    for table in (_phase1(standing), _phase2(standing), _archive(standing)):
        if table is not None:
            console.print(table)
    console.print(f"\n[bold]{standing['verdict']}[/]\n")
    if standing["ensemble"] is not None:
        ensemble = standing["ensemble"]
        members = len(ensemble["members"])
        console.print(f"{'ensemble':<10} generation {ensemble['generation']}, {members} members")
    for name, path in standing["files"].items():
        console.print(f"{name:<10} {path}", soft_wrap=True)
    console.print(f"{'UI':<10} {_UI}")


def _console() -> Console:
    console = Console(highlight=False)
    return Console(highlight=False, width=max(console.width, _NARROWEST))


def _studies(studies: Iterable[Json]) -> Table:
    table = _table("Studies", "study", "complete", "pruned", "failed", "running", "best")
    for study in studies:
        counts = (str(study[f"n_{state}"]) for state in ("complete", "pruned", "failed", "running"))
        table.add_row(_short(study["study_name"]), *counts, _number(study["best_score"]))
    return table


def _phase1(standing: Json) -> Table | None:
    winner = standing["phase1_winner"]
    if winner is None:
        return None
    table = _results(f"Phase 1: won by {winner['timeframe']} cycles of {winner['interval']} bars")
    table.add_row("ppo", *_result(winner))
    return table


def _phase2(standing: Json) -> Table | None:
    comparison = standing["phase2_comparison"]
    if comparison is None:
        return None
    table = _results(f"Phase 2: won by {comparison['winner']}")
    for algorithm, result in comparison["results"].items():
        table.add_row(algorithm, *_result(result))
    return table


def _archive(standing: Json) -> Table | None:
    if not standing["archive"]:
        return None
    table = _table("Archive", "VIN", "grade", "score", "gate")
    for entry in standing["archive"]:
        below = " (below threshold)" if entry["below_threshold"] else ""
        gate = "gated" if entry["gated"] else "not gated"
        table.add_row(entry["vin"], entry["grade"], _number(entry["score"]) + below, gate)
    return table


def _results(title: str) -> Table:
    return _table(
        title, "algorithm", "best trial", "score", "Sharpe", "HODL's Sharpe", "trials", ""
    )


def _result(result: Json) -> tuple[str, ...]:
    return (
        f"{_short(result['study_name'])} trial {result['best_trial_number']}",
        _number(result["best_value"]),
        _number(result["best_sharpe_bot"]),
        _number(result["best_sharpe_hodl"]),
        str(result["n_trials"]),
        "idle in a split" if result["no_trades"] else "",
    )


def _short(study_name: str) -> str:
    return study_name.partition("/")[2]


def _table(title: str, *columns: str) -> Table:
    headers = [Column(name, no_wrap=True) for name in columns]
    return Table(*headers, title=title, title_justify="left")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"
