"""`cappuccino verify`: compute an archive entry again, and compare everything."""

from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cappuccino_assets.cli.output import AsJson, answer_console, print_json
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import configured_layout

if TYPE_CHECKING:
    from cappuccino_assets.registry.verifier import Verification

_STYLES: Final = {"holds": "green", "failed": "bold red", "not done": "yellow"}


def verify(
    code: Annotated[str, typer.Argument(metavar="VIN", help="A model of the archive.")],
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train it again, and with its other seeds, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild a model's features from its bars, evaluate its weights again, compare every number.

    Grade, evidence and each reason of the gate are computed again from trials and ledger. All of
    it must agree bit for bit. The exit code is 1 if one number differs.
    """
    from cappuccino_assets.registry.verifier import verify as verify_entry
    from cappuccino_assets.storage.warehouse import Warehouse

    warehouse = Warehouse(configured_layout(current_settings()))
    found = verify_entry(warehouse, code, retrain=retrain)
    if as_json:
        print_json(found.to_json())
    else:
        print_verification(found)
    if not found.holds:
        raise typer.Exit(1)


def print_verification(found: "Verification", console: Console | None = None) -> None:
    """Show every check, then what failed and the verdict.

    Args:
        found: What became of the checks.
        console: Where to; standard output when None.
    """
    console = console or answer_console()
    table = Table("check", "result", Column("", overflow="fold"))
    for check in found.checks:
        verdict = f"[{_STYLES[check.verdict]}]{check.verdict}[/]"
        table.add_row(escape(check.name), verdict, escape(check.text))
    console.print(escape(found.vin), soft_wrap=True)
    console.print(table)
    for check in found.failures:
        text = f"[bold red]FAILED[/] {escape(check.name)}: {escape(check.text)}"
        console.print(text, soft_wrap=True)
    console.print(_sentence(found), soft_wrap=True)


def _sentence(found: "Verification") -> str:
    n_checks, n_failed = len(found.checks), len(found.failures)
    if n_failed:
        return f"[bold red]{n_failed} of {n_checks} checks failed[/]: it is not what it says."
    n_done = sum(check.verdict == "holds" for check in found.checks)
    left = f", {n_checks - n_done} could not be made here" if n_done < n_checks else ""
    return f"[bold]The entry is what it says[/]: {n_done} of {n_checks} checks hold{left}."
