"""What a terminal shows while a job runs, read from the same events as the Dagster UI."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Final

import dagster as dg
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

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
        self._tasks: dict[str, TaskID] = {}

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        if event is None:
            if record.levelno >= logging.WARNING:
                self._say(meta.get("orig_message", record.getMessage()))
        elif event.event_type_value == _OBSERVATION:
            self._show(event.asset_observation_data.asset_observation.metadata)
        elif event.event_type_value == _MATERIALIZATION:
            self._finish(event.asset_key, event.materialization.metadata)
        elif event.event_type_value == _CHECK:
            self._judge(event.asset_check_evaluation_data)

    def _say(self, text: str) -> None:
        self._progress.console.print(text, soft_wrap=True)

    def _finish(self, asset: dg.AssetKey, metadata: Mapping[str, dg.MetadataValue[Any]]) -> None:
        summary = f": {metadata['summary'].value}" if "summary" in metadata else ""
        self._say(f"[green]done[/] {asset.to_user_string()}{summary}")

    def _judge(self, check: dg.AssetCheckEvaluation) -> None:
        if not check.passed:
            self._say(f"[red]check failed[/] {check.check_name}: {check.description or ''}")

    def _show(self, metadata: Mapping[str, dg.MetadataValue[Any]]) -> None:
        values = {name: value.value for name, value in metadata.items()}
        if "n_target" not in values:
            return
        name, done, target = values["study_name"], values["n_done"], values["n_target"]
        if self._progress.disable:
            self._say(f"  {name}: {done} of {target} trials{_note(values)}")
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=target, note="")
        self._progress.update(self._tasks[name], completed=done, note=_note(values)[2:])


def _note(values: Mapping[str, Any]) -> str:
    best, eta_s = values.get("best_score"), values.get("eta_s")
    text = "" if best is None else f", best {best:+.3f}"
    return text if eta_s is None else f"{text}, {eta_s:.0f} s left"
