"""`cappuccino worker`: lend a hand with a search, from any machine."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.console import Console

from cappuccino_assets.cli.output import AsJson, answer_console, print_json
from cappuccino_assets.errors import InterruptedRunError
from cappuccino_assets.settings import Settings, current_settings
from cappuccino_assets.storage.layout import configured_layout
from cappuccino_assets.types import Json

if TYPE_CHECKING:
    from cappuccino_assets.tuning.progress import Progress

_LOOK_S: Final = 15.0  # between looks for further studies


def worker(
    study: Annotated[str, typer.Option(help="Campaign to work on, or one of its studies.")],
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes on this machine.")
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None, typer.Option(help="Where agents are trained.")
    ] = None,
    wait: Annotated[
        bool, typer.Option(help="Wait for studies of the campaign that are still to be begun.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Run trials of a search that `cappuccino run` has begun, here or on another machine.

    Both need the same CAPPUCCINO_STUDIES_URL and CAPPUCCINO_ARTIFACTS_URL, and the same version of
    this package; on one machine the same CAPPUCCINO_WAREHOUSE will do. Who runs a trial, and how
    many do, changes nothing about it. To be stopped at any time: what is left goes to the others.
    """
    settings = current_settings()
    try:
        done = _work(settings, study, workers or settings.workers, device, wait=wait)
    except KeyboardInterrupt as error:
        raise InterruptedRunError("Interrupted. The same command joins again.") from error
    if as_json:
        print_json(done)
    else:
        answer_console().print(f"{study}: nothing is left to do.")


def _work(
    settings: Settings,
    study: str,
    n_workers: int,
    device: Literal["auto", "cpu", "cuda"] | None,
    *,
    wait: bool,
) -> Json:
    from cappuccino_assets.cli.progress_words import line
    from cappuccino_assets.training.compute import Compute
    from cappuccino_assets.tuning.engines import engine_of
    from cappuccino_assets.tuning.workers import join_studies

    compute = Compute(
        device=device or settings.device,
        may_move_to_cpu=settings.cpu_when_gpu_is_full,
        precision=settings.precision,
    )
    layout, seen = configured_layout(settings), dict[str, int]()

    def on_progress(progress: "Progress") -> None:
        if seen.get(progress.study_name) != progress.n_done:
            seen[progress.study_name] = progress.n_done
            _say(line(asdict(progress)))

    to_come = True
    while to_come:
        to_come = wait & join_studies(
            study,
            n_workers=n_workers,
            layout=layout,
            on_progress=on_progress,
            compute=compute,
            open_pool=engine_of(settings),
        )
        if to_come:
            _say(f"Waiting for the next studies of {study}.")
            time.sleep(_LOOK_S)
    return {"study": study, "n_done": seen}


def _say(text: str) -> None:
    Console(stderr=True, highlight=False).print(text, soft_wrap=True)
