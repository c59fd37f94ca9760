"""What a terminal shows while a job runs, read from the same events as the Dagster UI."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cappuccino_assets.resources import EVENT_LOGGER

_OBSERVATION: Final = "ASSET_OBSERVATION"
_MATERIALIZATION: Final = "ASSET_MATERIALIZATION"
_CHECK: Final = "ASSET_CHECK_EVALUATION"


@contextmanager
def job_progress() -> Iterator[None]:
    """Show materialised assets, failed checks and the studies' progress on standard error."""
    with _terminal() as stream:
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=Console(file=stream, highlight=False),
            disable=not stream.isatty(),
        )
        handler = _EventHandler(progress)
        logger = logging.getLogger(EVENT_LOGGER)
        logger.addHandler(handler)
        logger.propagate = False
        try:
            with progress:
                yield
        finally:
            logger.removeHandler(handler)


@contextmanager
def _terminal() -> Iterator[IO[str]]:
    """Keep the terminal: Dagster points standard error at a file while a step runs."""
    sys.stderr.flush()
    with os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1) as stream:
        yield stream


class _EventHandler(logging.Handler):
    def __init__(self, progress: Progress):
        super().__init__(level=logging.DEBUG)
        self._progress = progress
        self._tasks: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is None:
            if record.levelno >= logging.INFO:
                self._say(f"  {record.dagster_meta['orig_message']}")  # type: ignore[attr-defined]
        elif event.event_type_value == _OBSERVATION:
            self._show(event.asset_observation_data.asset_observation.metadata)
        elif event.event_type_value == _MATERIALIZATION:
            self._say(f"[green]done[/] {event.asset_key.to_user_string()}")
        elif event.event_type_value == _CHECK:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed:
                self._say(f"[red]check failed[/] {evaluation.check_name}")

    def _say(self, text: str) -> None:
        self._progress.console.print(text, soft_wrap=True)

    def _show(self, metadata: dict[str, dg.MetadataValue]) -> None:
        values = {name: value.value for name, value in metadata.items()}
        if "done" not in values or "target" not in values:
            return
        name, note = str(values["study_name"]), _note(values)
        if self._progress.disable:
            self._say(f"  {name}: {values['done']:.0f} of {values['target']:.0f} trials, {note}")
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=values["target"], note="")
        self._progress.update(self._tasks[name], completed=values["done"], note=note)


def _note(values: dict[str, object]) -> str:
    best, eta_s = values.get("best_score"), values.get("eta_s")
    parts = [] if best is None else [f"best {best:+.3f}"]
    return ", ".join(parts if eta_s is None else [*parts, f"{eta_s:.0f} s left"])
