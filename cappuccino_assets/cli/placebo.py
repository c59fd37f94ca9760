"""`cappuccino placebo`: search where nothing can be found, and count what the gate lets through."""

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cappuccino_assets.cli.output import AsJson, print_json
from cappuccino_assets.settings import current_settings
from cappuccino_assets.storage.layout import configured_layout

if TYPE_CHECKING:
    from cappuccino_assets.placebo.arms import Arm

_DRAWS_PER_STUDY: Final = 5  # a drawn search takes a hundredth of the time of a real one


class Searched(StrEnum):
    """What can be asked for."""

    NULL = "null"
    RANDOM = "random"
    PLANTED = "planted"
    GATE = "gate"


def placebo(
    arm: Annotated[
        list[Searched] | None,
        typer.Option(
            help="Agents that learn where nothing can be known, agents that trade at random there, "
            "agents that learn where something is planted, or the gate alone; may be repeated, "
            "null and random where it is left out."
        ),
    ] = None,
    studies: Annotated[int, typer.Option(min=0, help="Studies of each arm, in all.")] = 200,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; as many as there are cores if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run whole small searches where nothing can be found, and count what the gate lets through.

    What was run before is kept and counted; only what is missing is run. With `--studies 0` nothing
    is run.
    """
    layout = configured_layout(current_settings())
    from cappuccino_assets.cli.placebo_screen import print_placebo, show_batch, show_study
    from cappuccino_assets.placebo.gate_power import measure_gate
    from cappuccino_assets.placebo.report import placebo_report
    from cappuccino_assets.placebo.runner import run_studies

    chosen = arm or [Searched.NULL, Searched.RANDOM]
    if studies and (arms := _arms(chosen)):
        run_studies(
            arms,
            layout,
            n_studies=studies,
            n_workers=workers or len(os.sched_getaffinity(0)),
            on_study=show_study,
        )
    if Searched.GATE in chosen:
        measure_gate(layout, n_draws=studies * _DRAWS_PER_STUDY, on_batch=show_batch)
    report = placebo_report(layout)
    if as_json:
        print_json(report)
    else:
        print_placebo(report)


def _arms(chosen: list[Searched]) -> "list[Arm]":
    from cappuccino_assets.placebo.arms import PLANTED_ARMS, Arm

    arms = {
        Searched.NULL: (Arm.NULL,),
        Searched.RANDOM: (Arm.RANDOM,),
        Searched.PLANTED: PLANTED_ARMS,
        Searched.GATE: (),
    }
    return [each for name in chosen for each in arms[name]]
