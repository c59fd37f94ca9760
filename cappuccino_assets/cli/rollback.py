"""`cappuccino rollback`: the ensemble of before."""

from typing import TYPE_CHECKING, Annotated

import typer

from cappuccino_assets.cli.output import AsJson, answer_console, print_json
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import configured_layout
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from cappuccino_assets.live.manifest import Manifest


def rollback(
    to: Annotated[
        int | None,
        typer.Option(metavar="GENERATION", min=1, help="Which one to restore; the last if none."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish the members of an earlier generation again, after verifying every file of them.

    What is rolled back from is not published again while it is what the search finds best.
    """
    from cappuccino_assets.live.rollback import roll_back

    manifest = roll_back(configured_layout(current_settings()), to=to)
    if as_json:
        print_json(_answer(manifest))
        return
    console = answer_console()
    console.print(
        f"[bold]Generation {manifest.generation}[/] restores generation {manifest.restores} of "
        f"{manifest.study_name}, in place of generation {manifest.previous_generation}:",
        soft_wrap=True,
    )
    for member in manifest.members:
        console.print(f"{member.vin}  score {member.score:+.3f}", soft_wrap=True)


def _answer(manifest: "Manifest") -> Json:
    return {
        "generation": manifest.generation,
        "restores": manifest.restores,
        "replaces": manifest.previous_generation,
        "campaign": manifest.study_name,
        "members": [member.vin for member in manifest.members],
        "rejected": list(manifest.rejected),
    }
