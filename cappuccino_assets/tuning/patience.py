"""Patience with a machine that gives way for a while."""

from collections.abc import Callable
from typing import Final, TypeVar

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from cappuccino_assets.errors import InfrastructureError

PAUSE_S: Final = 10.0
N_TRIES: Final = 4
_REFUSALS: Final = (StorageInternalError, OperationalError)
_T = TypeVar("_T")


def patiently(act: Callable[[], _T], study_name: str, *, pause_s: float = PAUSE_S) -> _T:
    """Do what a study's database may refuse for a while.

    Args:
        act: What to do; to do all of it again changes nothing.
        study_name: The study.
        pause_s: How long to wait before each further try.

    Raises:
        InfrastructureError: If the database refuses several times in a row.
    """
    tries = Retrying(
        retry=retry_if_exception_type(_REFUSALS),
        stop=stop_after_attempt(N_TRIES),
        wait=wait_fixed(pause_s),
    )
    try:
        return tries(act)
    except RetryError as error:
        raise gave_way(study_name, str(error.last_attempt.exception())) from error


def gave_way(study_name: str, reason: str | None) -> InfrastructureError:
    """Say that a study stops because of the machine."""
    return InfrastructureError(
        f"{study_name} stops, for the machine gave way {N_TRIES} times in a row. It can be "
        f"continued once there is room. The last time: {reason}"
    )
