"""`cappuccino ledger`: what was ever tried, and whether the record of it is whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape
from rich.table import Column, Table

from cappuccino_assets.cli.output import AsJson, answer_console, print_json
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import configured_layout
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from cappuccino_assets.storage.warehouse import Warehouse

Campaign = Annotated[
    str | None, typer.Option(metavar="NAME", help="One campaign's; all where none is named.")
]

ledger = typer.Typer(
    suggest_commands=False,  # click does
    help="The record of everything that was tried, each line chained to those before it.",
    no_args_is_help=True,
)
_COUNTED: Final = ("kind", "campaign", "study_name", "state", "n_rows")


@ledger.command()
def verify(campaign: Campaign = None, as_json: AsJson = False) -> None:
    """Find lines that were edited, deleted, inserted, moved or cut off, and trials that differ.

    The chain is recomputed, and the trials are compared with the database, the studies and the
    files that they left. The exit code is 1 if anything is at fault.
    """
    from cappuccino_assets.reports.ledger_audit import audit_ledger

    audit = audit_ledger(_warehouse(), campaign)
    if as_json:
        print_json(audit.to_json())
    else:
        console = answer_console()
        for fault in audit.faults:
            console.print(f"[bold red]FAULT[/] {escape(fault)}", soft_wrap=True)
        console.print(_verdict(audit.to_json()), soft_wrap=True)
    if audit.faults:
        raise typer.Exit(1)


@ledger.command()
def show(campaign: Campaign = None, as_json: AsJson = False) -> None:
    """Count what the ledger holds, by study and state; `verify` says whether it can be believed."""
    rows = [
        row
        for row in _warehouse().query("ledger_counts").to_dicts()
        if campaign in (None, row["campaign"])
    ]
    if as_json:
        print_json({"rows": rows})
    else:
        answer_console().print(_table(rows))


def _warehouse() -> "Warehouse":
    from cappuccino_assets.storage.warehouse import Warehouse

    return Warehouse(configured_layout(current_settings()))


def _verdict(audit: Json) -> str:
    place = f"{audit['n_rows']} lines in {escape(audit['ledger'])}"
    if n_faults := len(audit["faults"]):
        faults = "1 fault" if n_faults == 1 else f"{n_faults} faults"
        return f"[bold red]{faults}[/]; {place}"
    waiting = f", {audit['n_waiting']} trials wait to be collected" if audit["n_waiting"] else ""
    return f"[bold]The ledger is whole[/]: {place}, head {audit['head']}{waiting}"


def _table(rows: Sequence[Json]) -> Table:
    table = Table(*(Column(name.replace("_", " "), overflow="fold") for name in _COUNTED))
    for row in rows:
        table.add_row(*(escape(str(row[name] or "-")) for name in _COUNTED))
    return table
