"""`cappuccino studies`: a look at the searches, which disturbs none of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape
from rich.table import Column, Table

from cappuccino_assets.cli.output import AsJson, answer_console, print_json
from cappuccino_assets.errors import ConfigurationError, WarehouseError
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import configured_layout
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    import polars as pl

studies = typer.Typer(
    suggest_commands=False,  # click does
    help="A look at the searches, which disturbs none of them.",
    no_args_is_help=True,
)
_N_TOP: Final = 10
_N_RECENT: Final = 20


@studies.command()
def copy(
    path: Annotated[Path, typer.Argument(help="File to write the copy to.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy the database of the studies as it is now, even while a search runs.

    The copy is for optuna-dashboard, and whoever else wants to look. Studies on PostgreSQL need no
    copy: there the command says what to do instead, and fails.
    """
    from cappuccino_assets.storage.study_copy import copy_studies

    layout = configured_layout(current_settings())
    if layout.studies_url is not None:
        raise ConfigurationError(_on_a_server(layout.studies_url))
    copy_studies(layout.studies, path, force=force)
    dashboard = f"optuna-dashboard sqlite:///{path.resolve()}"
    if as_json:
        print_json({"copy": str(path.resolve()), "dashboard": dashboard})
    else:
        console = answer_console()
        console.print(escape(f"Copied to {path.resolve()}. To look at it:"), soft_wrap=True)
        console.print(escape(f"    {dashboard}"), soft_wrap=True)


@studies.command()
def show(
    study: Annotated[str, typer.Argument(help="A study, such as CAMPAIGN/phase2_ppo.")],
    as_json: AsJson = False,
) -> None:
    """Show a study's best trials, its parameters' quantiles, and what ended last anywhere.

    It reads what was collected into the warehouse's database, at the end of each phase.
    """
    from cappuccino_assets.storage.warehouse import Warehouse

    warehouse = Warehouse(configured_layout(current_settings()))
    named = {"study_name": study}
    answers = {
        "top": warehouse.query("top_trials", named | {"n": _N_TOP}),
        "quantiles": warehouse.query("param_quantiles", named),
        "recent": warehouse.query("recent_trials", {"n": _N_RECENT}),
    }
    if answers["top"].is_empty():
        raise WarehouseError(f"No complete trial of {study!r} was collected.")
    if as_json:
        print_json({name: frame.to_dicts() for name, frame in answers.items()})
        return
    for title, name in _TITLES.items():
        answer_console().print(_table(title.format(study=study), answers[name]))


_TITLES: Final = {
    "Best trials of {study}": "top",
    "Parameters of its complete trials, quantiles .1, .25, .5, .75, .9": "quantiles",
    "Ended last, of all studies": "recent",
}


def _on_a_server(url: str) -> str:
    """Say how to look at studies on a server; the password stays where it is."""
    from sqlalchemy import URL, make_url

    at = make_url(url)
    reader = URL.create(
        at.drivername,
        username="READER",
        host=at.host,
        port=at.port,
        database=at.database,
        query=at.query,
    ).render_as_string()
    return (
        "The studies lie on a server, of which nothing is copied: give optuna-dashboard a role "
        f"that may only read (docs/observability.md), and its password as PGPASSWORD:\n"
        f"    optuna-dashboard {reader}"
    )


def _table(title: str, frame: "pl.DataFrame") -> Table:
    columns = (Column(name.replace("_", " "), overflow="fold") for name in frame.columns)
    table = Table(*columns, title=escape(title), title_justify="left")
    for row in frame.to_dicts():
        table.add_row(*(escape(_cell(value)) for value in row.values()))
    return table


def _cell(value: Json | object) -> str:
    match value:
        case float():
            return f"{value:.5g}"
        case list():
            return ", ".join(map(_cell, value))
        case None:
            return "-"
    return str(value)
