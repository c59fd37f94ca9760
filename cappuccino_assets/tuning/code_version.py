"""Which code made a result."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import cappuccino_assets

_PACKAGE = cappuccino_assets.__name__
_DIGITS = 12
_NUMERICAL = ("torch", "numpy", "optuna", "polars")


def releases() -> dict[str, str]:
    """Name the releases of everything that a trial's result depends on."""
    return {_PACKAGE: code_version()} | {name: version(name) for name in _NUMERICAL}


@cache
def code_version() -> str:
    """Name the release and the content of the package, for example `0.1.0+3f9a1c0b2d4e`."""
    root = Path(cappuccino_assets.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return f"{version(_PACKAGE)}+{digest.hexdigest()[:_DIGITS]}"
