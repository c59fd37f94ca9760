"""The database of the studies, as far as Optuna is not needed for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from cappuccino_assets.errors import WarehouseError
from cappuccino_assets.storage.layout import WarehouseLayout

_SQLITE_TIMEOUT_S: Final = 10
# A host that vanishes is noticed after a minute, by whichever side is left.
_IDLE_S, _INTERVAL_S, _N_PROBES = 30, 10, 3
POSTGRES_ARGUMENTS: Final = {
    "connect_timeout": _IDLE_S,
    "keepalives_idle": _IDLE_S,
    "keepalives_interval": _INTERVAL_S,
    "keepalives_count": _N_PROBES,
    "tcp_user_timeout": 1000 * (_IDLE_S + _INTERVAL_S * _N_PROBES),
    "options": f"-c tcp_keepalives_idle={_IDLE_S} -c tcp_keepalives_interval={_INTERVAL_S} "
    f"-c tcp_keepalives_count={_N_PROBES} -c client_connection_check_interval={_INTERVAL_S}s",
}


@contextmanager
def postgres_connection(url: str, **options: Any) -> Iterator[Connection]:
    """Open a connection of its own to a PostgreSQL database, and close it in the end.

    It is there for as long as it is used: a cluster has more processes than a server connections.

    Args:
        url: The database.
        options: What SQLAlchemy calls execution options.

    Raises:
        sqlalchemy.exc.OperationalError: If the server does not answer.
    """
    with _postgres_engine(url).connect() as connection:
        yield connection.execution_options(**options)


@contextmanager
def reading(layout: WarehouseLayout) -> Iterator[Connection | None]:
    """Open the studies read-only; nobody who writes waits for it.

    Yields:
        A connection that can write nothing; None where no study was ever made.

    Raises:
        WarehouseError: If their server does not answer.
    """
    if layout.studies_url is not None:
        with _reading_from_server(layout.studies_url) as connection:
            yield connection
    elif layout.studies.is_file():
        with _sqlite_engine(layout.studies.resolve()).connect() as connection:
            yield connection if _is_whole(connection) else None
    else:
        yield None


def _is_whole(connection: Connection) -> bool:
    """Whether all tables are there; Optuna makes this one when it has made the others."""
    return inspect(connection).has_table("alembic_version")


@contextmanager
def _reading_from_server(url: str) -> Iterator[Connection | None]:
    try:
        with postgres_connection(url, postgresql_readonly=True) as connection:
            yield connection if _is_whole(connection) else None
    except OperationalError as error:
        raise WarehouseError(f"The database of the studies does not answer: {error}") from error


@cache
def _postgres_engine(url: str) -> Engine:
    engine = create_engine(url, poolclass=NullPool, connect_args=POSTGRES_ARGUMENTS)
    speak_utc(engine)
    return engine


def speak_utc(engine: Engine) -> None:
    """Let all further connections to a server tell the time in UTC, whatever is set here or there.

    Optuna keeps signs of life without their time zone, so it must be the same for everybody.
    """

    def set_zone(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TIME ZONE 'UTC'")
        connection.commit()

    event.listen(engine, "connect", set_zone)
    engine.dispose()


@cache
def _sqlite_engine(path: Path) -> Engine:
    query: dict[str, Any] = {"mode": "ro", "uri": "true"}
    url = URL.create("sqlite", database=path.as_uri(), query=query)
    return create_engine(url, poolclass=NullPool, connect_args={"timeout": _SQLITE_TIMEOUT_S})
