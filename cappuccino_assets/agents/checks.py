"""Rules that the hyper-parameters of every agent obey."""

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
