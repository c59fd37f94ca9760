"""Rules that the hyper-parameters of every agent obey."""

from collections.abc import Sequence

from cappuccino_assets.errors import ConfigurationError


def require_positive(**values: float) -> None:
    """Refuse values that are not above zero.

    Raises:
        ConfigurationError: Naming the first one.
    """
    for name, value in values.items():
        if not value > 0:
            raise ConfigurationError(f"{name} must be positive, but got {value}.")


def require_fraction(**values: float) -> None:
    """Refuse values outside [0, 1].

    Raises:
        ConfigurationError: Naming the first one.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ConfigurationError(f"{name} must be between 0 and 1 inclusive, but got {value}.")


def require_same(configs: Sequence[object], *names: str) -> None:
    """Refuse a population whose members differ in what makes their tensors fit each other.

    Raises:
        ConfigurationError: Naming the first field, or the want of any member.
    """
    if not configs:
        raise ConfigurationError("A population needs at least one member.")
    for name in names:
        values = {getattr(config, name) for config in configs}
        if len(values) > 1:
            raise ConfigurationError(
                f"Members trained together have one {name}, but got {sorted(values)}."
            )
