"""`cappuccino report`: write the page about a campaign anew."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cappuccino_assets.cli.output import AsJson, answer_console, print_json
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import configured_layout


def report(
    study: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A campaign; the active one where none is named."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Where the page goes, the JSON file beside it; among the warehouse's reports "
            "where nothing is said.",
            dir_okay=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one page about a campaign from what its run left: what is shown, and what is not."""
    from cappuccino_assets.reports.training_report import write_training_report
    from cappuccino_assets.storage.warehouse import Warehouse

    if output is not None and output.suffix != ".html":
        raise typer.BadParameter(f"a page ends in .html, not as {output}.", param_hint="--output")
    warehouse = Warehouse(configured_layout(current_settings()))
    written = write_training_report(warehouse, study, output=output)
    if as_json:
        print_json(written.to_json())
        return
    console = answer_console()
    first, *others = written.verdict
    console.print(f"[bold]{escape(first)}[/]", soft_wrap=True)
    for each in (*others, str(written.page)):
        console.print(escape(each), soft_wrap=True)
