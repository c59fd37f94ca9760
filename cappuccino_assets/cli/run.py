"""`cappuccino run`: the whole path, as the Dagster job that the UI shows too."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cappuccino_assets.cli.output import AsJson, print_json
from cappuccino_assets.settings import current_settings
from cappuccino_assets.types import Json


def run(
    profile: Annotated[
        Literal["mini", "medium", "medium_5m", "full"] | None,
        typer.Option(help="Budget of the search."),
    ] = None,
    source: Annotated[
        Literal["simulated", "files", "alpaca"] | None, typer.Option(help="Where bars come from.")
    ] = None,
    bars: Annotated[
        Path | None,
        typer.Option(help="Parquet or CSV file of bars.", exists=True, dir_okay=False),
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="Campaign to start, or to continue, by name.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Trials trained at a time, a process each.")
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None, typer.Option(help="Where agents are trained.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Source of all random numbers.")] = None,
    route: Annotated[
        Literal["broad", "exploit"] | None,
        typer.Option(help="Search all of it, or around the best trials of an earlier campaign."),
    ] = None,
    narrowed_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="That campaign, by its name or a study's; else the last finished one like this.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search, compare, archive and publish; an unfinished campaign is continued.

    What is not given comes from the settings (CAPPUCCINO_PROFILE and so on).
    """
    if bars and source not in (None, "files"):
        raise typer.BadParameter("only the source `files` reads one.", param_hint="--bars")
    if source == "files" and bars is None and current_settings().bars is None:
        raise typer.BadParameter("the source `files` needs a file.", param_hint="--bars")
    if narrowed_from and (route or current_settings().route) != "exploit":
        raise typer.BadParameter("only the route `exploit` is narrowed.", param_hint="--from")
    search = {
        "profile": profile,
        "source": "files" if bars else source,
        "bars": str(bars.resolve()) if bars else None,
        "study": study,
        "workers": workers,
        "device": device,
        "seed": seed,
        "route": route,
        "narrowed_from": narrowed_from,
    }
    from cappuccino_assets.cli.job import run_job

    standing = run_job("two_phase_training", _given(search))
    if as_json:
        print_json(standing)
    else:
        from cappuccino_assets.cli.screens import print_outcome

        print_outcome(standing)


def _given(values: dict[str, Any]) -> Json:
    return {name: value for name, value in values.items() if value is not None}
