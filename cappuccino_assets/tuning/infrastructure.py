"""Failures of the machine, told apart from failures of a trial."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from polars.exceptions import ComputeError

from cappuccino_assets.errors import InfrastructureError
from cappuccino_assets.training.memory import is_out_of_memory

_ERRNOS: Final = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.ENOMEM,
        errno.EMFILE,
        errno.ENFILE,
        errno.EAGAIN,
    }
)
_OS_ERROR: Final = re.compile(r"os error (\d+)")  # polars wraps what the system said in words


@contextmanager
def machine_failures_named() -> Iterator[None]:
    """Raise what the machine lacked as an error of its own.

    Raises:
        InfrastructureError: If memory or disk gave way. Everything else passes as it is.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError, ComputeError) as error:
        if _is_of_the_machine(error):
            raise InfrastructureError(f"{type(error).__name__}: {error}") from error
        raise


def _is_of_the_machine(error: MemoryError | RuntimeError | OSError | ComputeError) -> bool:
    match error:
        case OSError():
            return error.errno in _ERRNOS
        case ComputeError():
            number = _OS_ERROR.search(str(error))
            return number is not None and int(number[1]) in _ERRNOS
    return is_out_of_memory(error)
