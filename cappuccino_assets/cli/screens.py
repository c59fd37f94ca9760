"""The pages that commands end with."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cappuccino_assets.cli.output import answer_console
from cappuccino_assets.cli.work_screen import print_now
from cappuccino_assets.types import Json

_UI: Final = "`make dev`, then http://localhost:3000"
_TEXTS: Final = ("study", "algorithm", "VIN", "gate", "remark")


def print_outcome(standing: Json, console: Console | None = None) -> None:
    """Show what a run ended with: winner, comparison, archive, and where everything lies."""
    console = console or answer_console()
    console.print(f"\nCampaign [bold]{standing['campaign']['name']}[/]", soft_wrap=True)
    _print_outcome(console, standing)


def print_status(standing: Json, console: Console | None = None) -> None:
    """Show how far a campaign is, and what it has reached."""
    console = console or answer_console()
    campaign, finished = standing["campaign"], standing["campaign"]["completed_at"]
    console.print(f"Campaign [bold]{campaign['name']}[/]", soft_wrap=True)
    console.print(f"{campaign['source']}, profile {campaign['profile']}", soft_wrap=True)
    console.print(f"begun {campaign['started_at'][:16]} UTC", soft_wrap=True)
    console.print(f"finished {finished[:16]} UTC" if finished else "not finished")
    if standing["studies"]:
        console.print(_studies(standing["studies"]))
    print_now(standing["now"], console)
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
    if standing["ensemble_remark"] is not None:
        console.print(f"{'ensemble':<10} {escape(standing['ensemble_remark'])}", soft_wrap=True)
    for name, path in standing["files"].items():
        console.print(f"{name:<10} {escape(path)}", soft_wrap=True)
    console.print(f"{'UI':<10} {_UI}")


def _studies(studies: Iterable[Json]) -> Table:
    rows = [
        {"study": _short(study["study_name"])}
        | {state: str(study[f"n_{state}"]) for state in ("complete", "pruned", "failed", "running")}
        | {"best": _number(study["best_score"])}
        for study in studies
    ]
    return _table("Studies", rows)


def _phase1(standing: Json) -> Table | None:
    winner = standing["phase1_winner"]
    if winner is None:
        return None
    title = f"Phase 1: won by {winner['timeframe']} cycles of {winner['interval']} bars"
    return _table(title, [_result("ppo", winner)])


def _phase2(standing: Json) -> Table | None:
    comparison = standing["phase2_comparison"]
    if comparison is None:
        return None
    rows = [_result(algorithm, result) for algorithm, result in comparison["results"].items()]
    return _table(f"Phase 2: won by {comparison['winner']}", rows)


def _archive(standing: Json) -> Table | None:
    if not standing["archive"]:
        return None
    rows = [
        {
            "VIN": entry["vin"],
            "grade": entry["grade"],
            "score": _number(entry["score"]),
            "gate": _gate(entry),
            "remark": "below threshold" if entry["below_threshold"] else "",
        }
        for entry in standing["archive"]
    ]
    return _table("Archive", rows)


def _gate(entry: Json) -> str:
    failed = f"{len(entry['failed_points'])} of {entry['n_points']} points failed"
    return "gated" if entry["gated"] else f"not gated, {failed}"


def _result(algorithm: str, result: Json) -> dict[str, str]:
    return {
        "algorithm": algorithm,
        "best trial": str(result["best_trial_number"]),
        "score": _number(result["best_value"]),
        "Sharpe": _number(result["best_sharpe_bot"]),
        "HODL's\nSharpe": _number(result["best_sharpe_hodl"]),
        "trials": str(result["n_trials"]),
        "remark": "idle in a split" if result["no_trades"] else "",
    }


def _short(study_name: str) -> str:
    return study_name.partition("/")[2]


def _table(title: str, rows: Sequence[dict[str, str]]) -> Table:
    """Lay rows out: what is empty is left out, texts fold, and numbers stay whole."""
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    headers = [Column(name, no_wrap=name not in _TEXTS, overflow="fold") for name in names]
    table = Table(*headers, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(escape(row[name]) for name in names))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"
