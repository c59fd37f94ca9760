"""How a check turns errors of the core into a verdict."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from cappuccino_assets.errors import CappuccinoError


def verified(verify: Callable[[], Mapping[str, Any]]) -> dg.AssetCheckResult:
    """Pass with the metadata that a verification returns, or fail with the error that it raises."""
    try:
        return dg.AssetCheckResult(passed=True, metadata=verify())
    except CappuccinoError as error:
        return dg.AssetCheckResult(passed=False, description=str(error))
