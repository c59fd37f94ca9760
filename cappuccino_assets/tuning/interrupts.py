"""Ctrl+C, heard at a time when something can be done about it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts_noted() -> Iterator[Callable[[], None]]:
    """Note Ctrl+C while the body runs, rather than raise it wherever the program happens to be.

    What is raised while Python clears something away, as it does all the time under a database, is
    lost. Where somebody else listens to Ctrl+C already, as Dagster does, that is left as it is.

    Yields:
        What to call where an interrupt may be raised.
    """
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)

    def heed() -> None:
        if noted:
            raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield heed
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield heed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
