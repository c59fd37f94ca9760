"""The database of the studies, as far as Optuna is not needed for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from cappuccino_assets.storage.layout import WarehouseLayout

_SQLITE: Final = {"timeout": 10, "check_same_thread": False}
# A host that vanishes is noticed after a minute, by whichever side is left.
_IDLE_S, _INTERVAL_S, _N_PROBES = 30, 10, 3
_POSTGRES: Final = {
    "connect_timeout": _IDLE_S,
    "keepalives_idle": _IDLE_S,
    "keepalives_interval": _INTERVAL_S,
    "keepalives_count": _N_PROBES,
    "tcp_user_timeout": 1000 * (_IDLE_S + _INTERVAL_S * _N_PROBES),
    "options": f"-c tcp_keepalives_idle={_IDLE_S} -c tcp_keepalives_interval={_INTERVAL_S} "
    f"-c tcp_keepalives_count={_N_PROBES} -c client_connection_check_interval={_INTERVAL_S}s",
}


@cache
def postgres_engine(url: str) -> Engine:
    """Make the engine of a PostgreSQL database, once per process.

    A connection is there for as long as it is used: a cluster has more processes than a server has
    connections.
    """
    return create_engine(url, poolclass=NullPool, connect_args=_POSTGRES)


@contextmanager
def reading(layout: WarehouseLayout) -> Iterator[Connection | None]:
    """Open the studies read-only; nobody who writes waits for it.

    Yields:
        A connection that can write nothing; None while no study was ever made in this warehouse.
    """
    if layout.studies_url is not None:
        with postgres_engine(layout.studies_url).connect() as connection:
            yield connection.execution_options(postgresql_readonly=True)
    elif layout.studies.is_file():
        with _sqlite_engine(layout.studies.resolve().as_uri()).connect() as connection:
            yield connection
    else:
        yield None


@cache
def _sqlite_engine(uri: str) -> Engine:
    query: dict[str, Any] = {"mode": "ro", "uri": "true"}
    url = URL.create("sqlite", database=uri, query=query)
    return create_engine(url, poolclass=NullPool, connect_args=_SQLITE)
