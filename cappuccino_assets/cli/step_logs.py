"""Where Dagster keeps what steps print, and how Ctrl+C passes by those who copy it."""

import signal
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData


class StepLogs(LocalComputeLogManager):
    """Files in a folder, copied to the terminal by helper processes.

    A terminal tells every process of a command about Ctrl+C. The helpers would answer with a
    traceback each, while the run ends as it should and then ends them.
    """

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Build it from dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Keep what the body prints."""
        with ExitStack() as stack:
            with _interrupts_held():
                captured = stack.enter_context(super().capture_logs(log_key))
            yield captured


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl+C wait until the body has ended; processes started in it never hear of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
