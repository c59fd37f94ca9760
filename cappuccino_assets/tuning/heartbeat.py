"""Signs of life of a trial while it is run."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import optuna
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from cappuccino_assets.tuning.studies import give_sign_of_life


@contextmanager
def beating(study: optuna.Study, number: int, *, every_s: float) -> Iterator[None]:
    """Tell the study's database again and again that a trial is run, while the body runs.

    A database that does not answer is asked again the next time: that a sign is missed now and then
    does no harm, as a worker counts as lost only after several.

    Args:
        study: The study.
        number: The trial.
        every_s: Seconds between two signs.
    """
    ended = Event()

    def beat() -> None:
        while not ended.wait(every_s):
            try:
                give_sign_of_life(study, number)
            except (StorageInternalError, OperationalError):
                continue

    thread = Thread(target=beat, name=f"heartbeat of trial {number}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
