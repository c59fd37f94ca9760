"""The way between polars and DuckDB without pyarrow."""

from typing import Any


class ArrowStream:
    """Shows nothing of a table but Arrow's C stream, so that no side asks for pyarrow.

    It has a module of its own because polars keeps the classes that it has seen: one that leads to
    DuckDB, by its module's globals too, makes DuckDB complain of leaks when Python ends.

    Args:
        table: A frame of polars or a relation of DuckDB.
    """

    def __init__(self, table: Any):
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)
