from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from cappuccino_assets.storage.layout import WarehouseLayout
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


@pytest.fixture
def server(new_database: Callable[[], str], tmp_path: Path) -> WarehouseLayout:
    """A warehouse whose studies are on a server."""
    return WarehouseLayout(root=tmp_path, studies_url=new_database())


@pytest.fixture(params=["sqlite", "postgres"])
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> WarehouseLayout:
    """A warehouse of either kind."""
    if request.param == "sqlite":
        return WarehouseLayout(root=tmp_path)
    found: WarehouseLayout = request.getfixturevalue("server")
    return found
