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
)
from rich.table import Column

from cappuccino_assets.cli.progress_words import best_so_far, line, pace, study_name
from cappuccino_assets.resources import EVENT_LOGGER

_OBSERVATION: Final = "ASSET_OBSERVATION"
_MATERIALIZATION: Final = "ASSET_MATERIALIZATION"
_CHECK: Final = "ASSET_CHECK_EVALUATION"
_RUN: Final = "all studies"
_BAR_WIDTH: Final = 8  # leaves room for the words in a hundred columns


@contextmanager
def job_progress() -> Iterator[None]:
    """Show materialised assets, failed checks and the studies' progress on standard error."""
    with _terminal() as stream:
        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=_BAR_WIDTH, table_column=Column(no_wrap=True)),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[note]}", table_column=Column(overflow="fold")),
            console=Console(file=stream, highlight=False, width=_width(stream)),
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


def _width(stream: IO[str]) -> int | None:
    """Ask the terminal itself: while a step runs, standard error is something else."""
    return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else None


class _EventHandler(logging.Handler):
    def __init__(self, progress: Progress):
        super().__init__(level=logging.DEBUG)
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._targets: dict[str, tuple[int, int]] = {}

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
        if self._progress.disable:
            self._say(f"  {line(values)}")
            return
        for name, note in (values["study_name"], best_so_far(values)), (_RUN, pace(values)):
            if name not in self._tasks:
                self._tasks[name] = self._progress.add_task(study_name(name), total=None, note="")
            self._progress.update(self._tasks[name], note=note)
        self._targets[values["study_name"]] = values["n_done"], values["n_target"]
        self._count()

    def _count(self) -> None:
        """Fill the bars: one per study, and one for all of them together."""
        n_done, n_target = (sum(each) for each in zip(*self._targets.values(), strict=True))
        for name, (done, target) in (self._targets | {_RUN: (n_done, n_target)}).items():
            self._progress.update(self._tasks[name], completed=done, total=target)
