"""The page that `cappuccino placebo` ends with, and what it says on its way."""

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cappuccino_assets.cli.output import answer_console
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from cappuccino_assets.placebo.outcomes import StudyOutcome
    from cappuccino_assets.placebo.timers import Case

_VARIANCES: Final = ("ledger", "luck", "larger")


def show_study(outcome: "StudyOutcome") -> None:
    """Say on standard error how a study ended."""
    end = outcome.failure or ("PROMOTES" if outcome.promotes() else "promotes nothing")
    Console(stderr=True, highlight=False).print(
        f"{outcome.arm} {outcome.number}: {len(outcome.finalists)} judged, {escape(end)}, "
        f"{outcome.cpu_s:.0f} s",
        soft_wrap=True,
    )


def show_batch(case: "Case", n_draws: int) -> None:
    """Say on standard error how many searches of a case are drawn."""
    Console(stderr=True, highlight=False).print(f"{case.name}: {n_draws} drawn", soft_wrap=True)


def print_placebo(report: Json, console: Console | None = None) -> None:
    """Show promotions by arm, single points, and the power of the gate alone.

    Args:
        report: What the command answers in JSON.
        console: Where to; standard output when None.
    """
    console = console or answer_console()
    if report["arms"]:
        console.print(_arms(report["arms"]))
        console.print(_points(report["arms"]))
    if report["power"]:
        console.print(_power(report["power"]))
    for row in report["arms"]:
        for failure in row["failures"]:
            console.print(f"[bold red]FAILED[/] {row['arm']}: {escape(failure)}", soft_wrap=True)
    console.print(_verdict(report), soft_wrap=True)


def _arms(rows: list[Json]) -> Table:
    deflated = (_right(f"deflated by {name}") for name in _VARIANCES)
    counts = (_right("studies"), _right("failed"), _right("judged"))
    title = "Studies that promote anything (one-sided 95 % bound)"
    table = Table("arm", *counts, _right("as the gate is"), *deflated, _right("s"), title=title)
    for row in rows:
        numbers = (str(row[name]) for name in ("n_studies", "n_failed", "n_judged"))
        rates = (_bounded(row["by_variance"][name]) for name in _VARIANCES)
        cpu_s = f"{row['cpu_s']:.0f}"
        table.add_row(row["arm"], *numbers, _bounded(row["promoting"]), *rates, cpu_s)
    return table


def _points(rows: list[Json]) -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row["points"]))
    table = Table("point", *(_right(row["arm"]) for row in rows), title="Finalists that pass")
    for name in names:
        table.add_row(name, *(_share(row["points"].get(name)) for row in rows))
    ratios = (row["variance_ratio"] for row in rows)
    shown = ("-" if ratio is None else f"{ratio:.2f}" for ratio in ratios)
    table.add_row("variance of the ledger / of luck, median", *shown)
    return table


def _power(rows: list[Json]) -> Table:
    columns = [_right(f"{what} ({by})") for by in _VARIANCES for what in ("promoted", "false")]
    title = "The gate alone, on searches that are drawn: the skilled trial, and any other"
    table = Table("case", _right("draws"), _right("judged"), *columns, title=title)
    for row in rows:
        rates = [_share(row[what][by]) for by in _VARIANCES for what in ("promoted", "false")]
        table.add_row(row["case"], str(row["n_draws"]), _share(row["finalist"]), *rates)
    return table


def _verdict(report: Json) -> str:
    goal = report["goal"]
    rate, confidence = goal["highest_rate"], goal["confidence"]
    verdict = "[bold]It is shown[/]" if goal["shown"] else "[bold red]It is not shown[/]"
    return (
        f"{verdict} with {confidence:.0%} confidence that at most {rate:.0%} of searches where "
        "nothing can be found promote anything."
    )


def _right(name: str) -> Column:
    return Column(name, justify="right")


def _bounded(rate: Json | None) -> str:
    if rate is None:
        return "-"
    return f"{rate['n_hits']} of {rate['n_cases']} (<= {rate['bound']:.1%})"


def _share(rate: Json | None) -> str:
    return "-" if rate is None else f"{rate['n_hits'] / rate['n_cases']:.1%}"
