"""The page that `cappuccino prove-causal` ends with."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cappuccino_assets.cli.output import answer_console
from cappuccino_assets.types import Json


def print_proof(answer: Json, failures: Sequence[str], console: Console | None = None) -> None:
    """Show every check, then what failed and the verdict.

    Args:
        answer: What the command answers in JSON.
        failures: Each check that does not hold, with its first difference.
        console: Where to; standard output when None.
    """
    console = console or answer_console()
    bars = answer["bars"]
    console.print(
        f"{escape(answer['source'])}: {bars['n']:,} bars of {bars['interval']}, "
        f"proven at {answer['interval']}, seed {answer['seed']}",
        soft_wrap=True,
    )
    kinds = ", ".join(f"{n} {kind}" for kind, n in answer["cuts"].items())
    console.print(f"cuts: {kinds}", soft_wrap=True)
    console.print(_table(answer["checks"]))
    for failure in failures:
        console.print(f"[bold red]FAILS[/] {escape(failure)}", soft_wrap=True)
    console.print(_verdict(answer, len(failures)), soft_wrap=True)


def _table(checks: Sequence[Json]) -> Table:
    numbers = (Column(name, justify="right") for name in ("times", "rows compared"))
    table = Table("check", *numbers, "result")
    for check in checks:
        result = "[green]holds[/]" if check["holds"] else "[bold red]FAILS[/]"
        row = (escape(check["name"]), f"{check['n_cuts']:,}", f"{check['n_rows']:,}", result)
        table.add_row(*row)
    return table


def _verdict(answer: Json, n_failures: int) -> str:
    n_checks, n_rows = (len(answer["checks"]), sum(each["n_rows"] for each in answer["checks"]))
    seconds = f"{n_rows:,} rows compared in {answer['seconds']} s."
    if n_failures:
        return f"[bold red]{n_failures} of {n_checks} checks fail[/]; {seconds}"
    return f"[bold]All {n_checks} checks hold[/]: no leak was found; {seconds}"
