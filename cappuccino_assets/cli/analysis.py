"""`cappuccino analysis`: what the best trials have in common."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Column, Table

from cappuccino_assets.cli.output import AsJson, answer_console, print_json
from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import configured_layout
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from cappuccino_assets.storage.warehouse import Warehouse

_Cell = Callable[[Json], str]
_CAPTION: Final = "* more important than the most important parameter in 95 % of shuffled studies"


def analysis(
    study: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A campaign, or one study of it such as NAME/phase2_ppo; the active campaign "
            "where none is named.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare each study's best tenth with its other trials, parameter by parameter.

    Effects are how much more often one of the best has the greater value, or the share of the best
    that differs in category. Every p-value stands beside one corrected for asking so often.
    """
    from cappuccino_assets.reports.analysis import hyperparameter_analysis
    from cappuccino_assets.storage.warehouse import Warehouse

    warehouse = Warehouse(configured_layout(current_settings()))
    campaign, _, one = (study or _active(warehouse)).partition("/")
    answer = hyperparameter_analysis(warehouse, campaign)
    if one:
        answer = _only(answer, f"{campaign}/{one}")
    if as_json:
        print_json(answer)
    else:
        _print(answer)


def _active(warehouse: "Warehouse") -> str:
    campaign = warehouse.active_campaign()
    if campaign is None:
        root = warehouse.layout.root
        raise WarehouseError(f"No campaign was begun in {root}: `cappuccino run` does.")
    return str(campaign["campaign"])


def _only(answer: Json, study_name: str) -> Json:
    for study in answer["studies"]:
        if study["study_name"] == study_name:
            return answer | {"studies": [study], "text": study["text"]}
    known = ", ".join(study["study_name"] for study in answer["studies"])
    raise WarehouseError(f"No trial of {study_name!r} is in the ledger; it has {known}.")


def _print(answer: Json) -> None:
    console = answer_console()
    for study in answer["studies"]:
        console.print(f"\n[bold]{escape(study['study_name'])}[/]", soft_wrap=True)
        if study["analysed"]:
            console.print(_table(study["parameters"]))
        console.print(escape(study["text"]), soft_wrap=True)
    if len(answer["studies"]) > 1:
        console.print(f"\n[bold]{escape(answer['text'])}[/]", soft_wrap=True)


def _table(parameters: Sequence[Json]) -> Table:
    columns = (Column(header, overflow="fold") for header in _COLUMNS)
    table = Table(*columns, caption=_CAPTION, caption_justify="left")
    for row in parameters:
        table.add_row(*(escape(cell(row)) for cell in _COLUMNS.values()))
    return table


def _value(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _interval(row: Json) -> str:
    return f"{row['effect_low']:+.0%} to {row['effect_high']:+.0%}"


def _importance(row: Json) -> str:
    above = " *" if row["importance"] > row["importance_by_chance"] else ""
    return f"{row['importance']:.3f}{above}"


_COLUMNS: Final[dict[str, _Cell]] = {
    "parameter": lambda row: row["parameter"],
    "best tenth": lambda row: _value(row["top"]),
    "all": lambda row: _value(row["all"]),
    "effect": lambda row: f"{row['effect']:+.0%}",
    "95 % interval": _interval,
    "impact": lambda row: row["impact"],
    "p": lambda row: f"{row['p_value']:.3f}",
    "Holm": lambda row: f"{row['holm_p_value']:.3f}",
    "BH": lambda row: f"{row['bh_p_value']:.3f}",
    "importance": _importance,
    "best three": lambda row: ", ".join(map(_value, row["best_three"])),
    "as close\nby chance": lambda row: f"{row['as_close_by_chance']:.2f}",
}
