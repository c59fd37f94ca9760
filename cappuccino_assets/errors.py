"""The error tree: what a caller handles differently has a class of its own.

CappuccinoError
├── ConfigurationError            a setting or parameter that cannot be used
│   ├── UnknownParameterError     a parameter that nothing consumes
│   └── CampaignMismatchError     a campaign or study that would be continued as something else
├── BarError                      bars that break a rule; names symbol, time and rule
│   ├── UnreadableBarsError       a file that is cut off, or no table of bars
│   ├── MissingColumnError
│   ├── MissingSymbolError
│   ├── UnknownSymbolError
│   ├── UnorderedBarsError
│   ├── DuplicateBarError
│   ├── OffGridError
│   ├── InvalidPriceError         non-finite or non-positive
│   ├── InconsistentBarError      low above, or high below, open or close
│   └── InvalidVolumeError        negative or non-finite
├── SourceError                   a venue that does not answer as it should
│   └── IncompleteHistoryError    an answer that ends before the history does
├── HistoryTooShortError          too few bars; says how many are needed
├── ConstantColumnError           a feature that carries no information
├── ContractMismatchError         names the first field that differs
├── TrialFailedError              a split, metric or training that has no valid result
├── TrialPrunedError              a trial that was stopped as hopeless
├── InfrastructureError           memory, disk or database gave way; no fault of a trial
├── WorkerError                   a worker process that failed or died
├── VinError                      names the field of the code at fault
├── IntegrityError                a stored file that is not what its checksum says
│   └── DifferenceError           a stored value that is not what it comes to again; names it
├── CheckpointMismatchError       a checkpoint of another training; names the first field
├── ManifestError                 a manifest that cannot be loaded or published
│   └── IncomparableError         two ensembles that no bars can be found for
├── WarehouseError                the database cannot be opened, or an answer is missing
├── CheckFailedError              a blocking check that did not pass
└── InterruptedRunError           a run that somebody stopped
"""


class CappuccinoError(Exception):
    """Base of every error that this package raises on purpose."""


class ConfigurationError(CappuccinoError, ValueError):
    """A setting or parameter that cannot be used."""


class UnknownParameterError(ConfigurationError):
    """A parameter that nothing consumes."""


class CampaignMismatchError(ConfigurationError):
    """A campaign or study that exists, and differs from what is asked of it."""

    def __init__(self, name: str, field: str, *, stored: object, asked: object):
        self.field = field
        super().__init__(
            f"{name} cannot be continued, for its {field} differs: {stored!r} is stored, "
            f"but {asked!r} is asked for. Choose another name to start anew."
        )


class BarError(CappuccinoError, ValueError):
    """Bars that break a rule.

    Args:
        message: The rule that is broken, and what to do about it.
        symbol: The symbol at fault, where one is.
        open_time: The bar at fault, as ISO 8601 UTC, where one is.
    """

    def __init__(self, message: str, *, symbol: str | None = None, open_time: str | None = None):
        self.symbol = symbol
        self.open_time = open_time
        where = " at ".join(part for part in (symbol, open_time) if part)
        super().__init__(f"{where}: {message}" if where else message)


class UnreadableBarsError(BarError):
    """A file that is cut off, or that is no table of bars."""


class MissingColumnError(BarError):
    """A table of bars without one of its columns."""


class MissingSymbolError(BarError):
    """A configured symbol that has no bar at all."""


class UnknownSymbolError(BarError):
    """A symbol that is not part of the universe."""


class UnorderedBarsError(BarError):
    """A timestamp that goes backward."""


class DuplicateBarError(BarError):
    """Two bars of one symbol at one time."""


class OffGridError(BarError):
    """A timestamp that is no multiple of the interval since the UTC epoch."""


class InvalidPriceError(BarError):
    """A price that is not finite, or not positive."""


class InconsistentBarError(BarError):
    """A low above, or a high below, the open or the close."""


class InvalidVolumeError(BarError):
    """A volume that is negative or not finite."""


class SourceError(CappuccinoError):
    """A venue that does not answer as it should."""


class IncompleteHistoryError(SourceError):
    """An answer that ends before the requested history does."""


class HistoryTooShortError(CappuccinoError, ValueError):
    """Too few bars for what was asked."""

    def __init__(self, message: str, *, n_bars: int, n_required: int):
        self.n_bars = n_bars
        self.n_required = n_required
        super().__init__(f"{message}: {n_bars} bars, but at least {n_required} are needed.")


class ConstantColumnError(CappuccinoError, ValueError):
    """A feature column that never changes."""


class ContractMismatchError(CappuccinoError):
    """Two feature contracts that differ."""

    def __init__(self, field: str, *, expected: object, found: object):
        self.field = field
        super().__init__(
            f"The feature contracts differ in {field!r}: expected {expected!r}, found {found!r}."
        )


class TrialFailedError(CappuccinoError):
    """A split, metric or training that has no valid result."""


class TrialPrunedError(CappuccinoError):
    """A trial that was stopped as hopeless; the message says why."""


class InfrastructureError(CappuccinoError):
    """Memory, disk or database gave way, which is no fault of the trial that met it."""


class WorkerError(CappuccinoError):
    """A worker process that failed or died."""


class VinError(CappuccinoError, ValueError):
    """A VIN code that is not in canonical form."""

    def __init__(self, field: str, message: str):
        self.field = field
        super().__init__(f"VIN field {field!r}: {message}")


class IntegrityError(CappuccinoError):
    """A stored file that is not what its checksum says."""


class DifferenceError(IntegrityError):
    """A stored value that is not what it comes to when it is computed again.

    Args:
        what: Which value, as a path of names.
        stored: What is on record; None where nothing is.
        found: What it comes to; None where there is no such value.
    """

    def __init__(self, what: str, *, stored: object, found: object):
        self.what, self.stored, self.found = what, stored, found
        super().__init__(f"{what}: {_shown(stored)} is stored, but {_shown(found)} is found.")


class CheckpointMismatchError(CappuccinoError):
    """A checkpoint that another training wrote, or other code."""

    def __init__(self, path: object, field: str, *, expected: object, found: object):
        self.field = field
        super().__init__(
            f"{path} cannot be continued, for its {field} differs: expected {expected!r}, "
            f"found {found!r}. Remove it to begin anew."
        )


class ManifestError(CappuccinoError):
    """An ensemble manifest that cannot be loaded or published."""


class IncomparableError(ManifestError):
    """Two ensembles that cannot be traded on the same bars, or not without favour."""


class WarehouseError(CappuccinoError):
    """The warehouse cannot be opened, or lacks what was asked of it."""


class CheckFailedError(CappuccinoError):
    """A blocking check that did not pass, so that nothing after it was made."""


class InterruptedRunError(CappuccinoError):
    """A run that somebody stopped; it can be continued."""


def _shown(value: object, *, n_characters: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= n_characters else f"{text[:n_characters]}..."
