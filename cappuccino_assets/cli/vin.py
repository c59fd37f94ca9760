"""`cappuccino vin`: read a VIN."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cappuccino_assets.cli.output import AsJson, answer_console, print_json
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import configured_layout
from cappuccino_assets.types import Json


def vin(
    code: Annotated[str, typer.Argument(metavar="VIN", help="A code such as PPO-A-N128B1K-...")],
    as_json: AsJson = False,
) -> None:
    """Explain a VIN field by field, and say whether this warehouse holds the model."""
    from cappuccino_assets.registry.vin import parse

    fields = asdict(parse(code))
    entry = _entry(code)
    if as_json:
        print_json({"vin": code, "fields": fields, "archive_entry": entry})
        return
    table = Table("field", "value")
    for name, value in fields.items():
        table.add_row(name, "-" if value is None else str(value))
    console = answer_console()
    console.print(code, soft_wrap=True)
    console.print(table)
    if entry is not None:
        console.print(_gate(entry["gate"]["reasons"]))
    console.print(_standing(entry), soft_wrap=True)


def _gate(reasons: list[Json]) -> Table:
    table = Table("gate", "", "", title="What it must show to be deployed", title_justify="left")
    for reason in reasons:
        passed = "passed" if reason["passed"] else "[red]failed[/]"
        table.add_row(reason["name"], passed, escape(reason["text"]))
    return table


def _entry(code: str) -> Json | None:
    from cappuccino_assets.registry.entries import verify_entry

    path = configured_layout(current_settings()).archive / code
    return verify_entry(path).metadata if path.is_dir() else None


def _standing(entry: Json | None) -> str:
    if entry is None:
        return "This warehouse's archive holds no such model."
    gate = "gated" if entry["gated"] else "not gated"
    below = ", below the archive's threshold" if entry["below_threshold"] else ""
    return (
        f"Archived from trial {entry['number']} of {entry['study_name']}: "
        f"score {entry['score']:.3f}{below}, {gate}. A grade describes; it proves nothing."
    )
