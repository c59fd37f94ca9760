"""`cappuccino sync`: one campaign for everybody."""

from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape

from cappuccino_assets.cli.output import AsJson, answer_console, print_json
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from dagster._core.execution.execution_result import ExecutionResult

_JOB: Final = "sync_campaign"
_OP: Final = "move_to_campaign"
_SAID: Final = ("campaign", "before", "generation", "remark")


def sync(
    study: Annotated[
        str,
        typer.Argument(metavar="STUDY", help="A finished campaign, or one of its studies."),
    ],
    as_json: AsJson = False,
) -> None:
    """Make a campaign the active one: its ensemble, outcomes and reports replace the others.

    An ensemble of another campaign is replaced only by one that does better on the hold-out. Where
    it stays, nothing is moved.
    """
    from cappuccino_assets.cli.job import execute

    moved = moves_of(execute(_JOB, {"ops": {_OP: {"config": {"study": study}}}}))
    if as_json:
        print_json(moved)
        return
    console = answer_console()
    console.print(
        f"[bold]{moved['campaign']}[/] is the active campaign (before: {moved['before']}). "
        f"{escape(moved['remark'])}",
        soft_wrap=True,
    )
    for name, path in moved["files"].items():
        console.print(f"{name:<23} {escape(path)}", soft_wrap=True)


def moves_of(result: "ExecutionResult") -> Json:
    """Collect what a run of the job has moved."""
    events = result.asset_materializations_for_node(_OP)
    said = {name: events[0].metadata[name].value for name in _SAID}
    paths = {each.asset_key.to_user_string(): each.metadata["path"].value for each in events}
    return said | {"files": paths}
