from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.postgres import Server, running_postgres, why_no_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    if reason := why_no_postgres():
        pytest.skip(reason)
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def new_database(postgres: Server) -> Callable[[], str]:
    """Makes an empty database, and tells its URL."""
    numbers = count()
    return lambda: postgres.new_database(f"studies_{next(numbers)}")
