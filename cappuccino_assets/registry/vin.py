"""The VIN: a code that names a model by what it is made of, and that reads back."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, NamedTuple

from cappuccino_assets.errors import VinError
from cappuccino_assets.registry.grading import Grade

_TENTH: Final = Decimal("0.1")


class VinModel(StrEnum):
    """What a model was trained by."""

    PPO = "PPO"
    DDQN = "DDQN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vin:
    """The typed fields of a code.

    Args:
        model: What the model was trained by.
        grade: Grade of its trial's score.
        net_dimension: Width of the hidden layers.
        batch_size: Samples of one gradient step.
        learning_rate: Initial rate, below 1; the code keeps two digits of it.
        gamma: Discount factor per bar; the code keeps tenths of a percent.
        lookback: Bars in one observation.
        time_decay: Floor of the reward's decay; the code keeps tenths of a percent.
        date: When the trial was completed, UTC.
        serial: First six hexadecimal digits of the model's content hash, where known.

    Raises:
        VinError: If a value has no code; it names the field.
    """

    model: VinModel
    grade: Grade
    net_dimension: int
    batch_size: int
    learning_rate: float
    gamma: float
    lookback: int
    time_decay: float
    date: date
    serial: str | None = None

    def __post_init__(self) -> None:
        for name, field in _FIELDS.items():
            try:
                field.write(getattr(self, name))
            except ValueError as error:
                raise VinError(name, str(error)) from error


def render(vin: Vin) -> str:
    """Write the code, for example `PPO-A-N1024B4K-L2E6G98-LB5TD20-20260214-3f9a1c`."""
    code = ""
    for name, field in _FIELDS.items():
        value = getattr(vin, name)
        code += "" if value is None else field.prefix + field.write(value)
    return code


def parse(code: str) -> Vin:
    """Read a code, with or without its serial.

    Raises:
        VinError: If the code is not canonical; it names the field at fault.
    """
    tokens = _split(code)
    vin = Vin(**{name: _read(name, token) for name, token in tokens.items()})
    for name, token in tokens.items():
        canonical = _FIELDS[name].write(getattr(vin, name))
        if token != canonical:
            raise VinError(name, f"{token!r} is spelled {canonical!r}.")
    return vin


def _split(code: str) -> dict[str, str]:
    tokens: dict[str, str] = {}
    rest = code
    for name, following in pairwise(_FIELDS):
        token, found, after = rest.partition(_FIELDS[following].prefix)
        tokens[name] = token
        if not found:
            break
        tokens[following] = rest = after
    if "date" not in tokens:
        missing = next(name for name in _FIELDS if name not in tokens)
        raise VinError(missing, f"{code!r} lacks {_FIELDS[missing].prefix!r} and what follows it.")
    return tokens


def _read(name: str, token: str) -> Any:
    field = _FIELDS[name]
    if not re.fullmatch(field.pattern, token):
        raise VinError(name, f"{token!r} does not have the form {field.pattern}.")
    try:
        return field.read(token)
    except ValueError as error:
        raise VinError(name, f"{token!r}: {error}.") from error


def _write_count(value: int) -> str:
    if type(value) is not int or not 0 < value < 10**9:
        raise ValueError(f"must be a whole number from 1 to 999999999, but got {value!r}.")
    return str(value)


def _write_batch(value: int) -> str:
    text = _write_count(value)
    return text if value % 1024 else f"{value // 1024}K"


def _write_rate(value: float) -> str:
    if not 0 < value < 1:
        raise ValueError(f"must be above 0 and below 1, but got {value!r}.")
    exact = Decimal(str(value))
    exponent = -exact.adjusted()
    mantissa = exact.scaleb(exponent).quantize(_TENTH, ROUND_HALF_UP)
    if mantissa == 10:
        mantissa, exponent = Decimal(1), exponent - 1
    if exponent < 1:
        raise ValueError(f"must be below 1 when rounded, but got {value!r}.")
    return f"{_plain(mantissa)}E{exponent}"


def _write_percent(value: float) -> str:
    if not 0 <= value <= 1:
        raise ValueError(f"must be between 0 and 1 inclusive, but got {value!r}.")
    return _plain((100 * Decimal(str(value))).quantize(_TENTH, ROUND_HALF_UP))


def _write_date(value: date) -> str:
    return f"{value.year:04}{value.month:02}{value.day:02}"


def _write_serial(value: str | None) -> str:
    if value is not None and not re.fullmatch(_SERIAL, value):
        raise ValueError(f"must be six hexadecimal digits in lower case, but got {value!r}.")
    return value or ""


def _plain(number: Decimal) -> str:
    return str(number).removesuffix(".0")


def _read_batch(text: str) -> int:
    return 1024 * int(text[:-1]) if text.endswith("K") else int(text)


def _read_rate(text: str) -> float:
    return float(text.replace("E", "e-"))


def _read_percent(text: str) -> float:
    return float(Decimal(text) / 100)


def _read_date(text: str) -> date:
    return date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}")


class _Field(NamedTuple):
    prefix: str
    pattern: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]


_COUNT: Final = "[1-9][0-9]{0,8}"
_PERCENT: Final = r"(0|[1-9][0-9]{0,2})(\.[0-9])?"
_RATE: Final = r"[1-9](\.[0-9])?E[1-9][0-9]{0,2}"
_SERIAL: Final = "[0-9a-f]{6}"
_FIELDS: Final = {  # in the order of the code
    "model": _Field("", "[A-Z0-9]+", VinModel, lambda value: VinModel(value).value),
    "grade": _Field("-", "[A-Z]", Grade, lambda value: Grade(value).value),
    "net_dimension": _Field("-N", _COUNT, int, _write_count),
    "batch_size": _Field("B", f"{_COUNT}K?", _read_batch, _write_batch),
    "learning_rate": _Field("-L", _RATE, _read_rate, _write_rate),
    "gamma": _Field("G", _PERCENT, _read_percent, _write_percent),
    "lookback": _Field("-LB", _COUNT, int, _write_count),
    "time_decay": _Field("TD", _PERCENT, _read_percent, _write_percent),
    "date": _Field("-", "[0-9]{8}", _read_date, _write_date),
    "serial": _Field("-", _SERIAL, str, _write_serial),
}
