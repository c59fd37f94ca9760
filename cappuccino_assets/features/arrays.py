"""Features, prices and masks on one regular grid of bars."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import numpy as np

from cappuccino_assets.errors import HistoryTooShortError, IntegrityError
from cappuccino_assets.features.blocks import Block, segment_blocks
from cappuccino_assets.features.contract import FeatureContract, Layout, market_contract
from cappuccino_assets.features.matrix import feature_matrix
from cappuccino_assets.features.scaling import refuse_constant_columns
from cappuccino_assets.market.grid import BarGrid
from cappuccino_assets.market.intervals import Interval
from cappuccino_assets.storage.files import new_folder, read_json, write_json
from cappuccino_assets.types import BoolArray, Float32Array, FloatArray, IntArray

ARRAY_NAMES: Final = ("open_time", "open", "close", "observed", "segment", "features")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureArrays:
    """What agents see and are marked by, one row per bar of the grid.

    Attributes:
        contract: The market part of a feature contract.
        dataset_digest: Digest of the bars that everything was made from.
        open_time: Seconds since the UTC epoch, shape (T,), one interval apart.
        open: Open in USD, shape (T, N); the last close where not observed.
        close: Close in USD, shape (T, N); the last close where not observed.
        observed: Whether there was a bar with volume, shape (T, N).
        segment: Number of the gapless run, shape (T,); -1 where a row cannot be used.
        features: Market columns in the contract's order, shape (T, D); zero where no segment is.
    """

    contract: FeatureContract
    dataset_digest: str
    open_time: IntArray
    open: FloatArray
    close: FloatArray
    observed: BoolArray
    segment: IntArray
    features: Float32Array

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit each other.

        Raises:
            ValueError: The rule, and the value that breaks it.
        """
        if self.contract != self.contract.market_part():
            raise ValueError("Arrays hold the market part of a contract only.")
        n_bars, n_symbols = len(self.open_time), len(self.symbols)
        expected: dict[str, tuple[tuple[int, ...], str]] = {
            "open_time": ((n_bars,), "int64"),
            "open": ((n_bars, n_symbols), "float64"),
            "close": ((n_bars, n_symbols), "float64"),
            "observed": ((n_bars, n_symbols), "bool"),
            "segment": ((n_bars,), "int64"),
            "features": ((n_bars, self.contract.n_columns), self.contract.dtype),
        }
        for name, (shape, dtype) in expected.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(
                    f"{name} must have shape {shape} and dtype {dtype}, "
                    f"but got {array.shape} and {array.dtype}."
                )
        self._check_values()

    def _check_values(self) -> None:
        if self.n_bars == 0:
            raise ValueError("Feature arrays need at least one bar, but got none.")
        if (np.diff(self.open_time) != self.interval.seconds).any():
            raise ValueError(f"open_time must advance by {self.interval.seconds} s at every row.")
        if self.segment.min() < -1:
            raise ValueError(f"Segments are numbered from 0, or -1, but got {self.segment.min()}.")
        if not np.isfinite(self.features).all():
            raise ValueError("Features must be finite everywhere.")
        usable = self.segment >= 0
        for name in ("open", "close"):
            prices = getattr(self, name)
            if not ((prices > 0) & (prices < np.inf))[usable].all():
                raise ValueError(f"{name} must be finite and positive wherever a segment is.")

    @property
    def n_bars(self) -> int:
        """Rows T."""
        return len(self.open_time)

    @property
    def interval(self) -> Interval:
        """Length of a bar."""
        return self.contract.interval

    @property
    def symbols(self) -> tuple[str, ...]:
        """Traded pairs, in order."""
        return self.contract.symbols

    @property
    def tradable(self) -> BoolArray:
        """Rows at which a decision can be filled, shape (T,).

        Every symbol is observed at the row and at the next, and both belong to one segment.
        """
        known = self.observed.all(axis=1) & (self.segment >= 0)
        together = known[:-1] & known[1:] & (self.segment[:-1] == self.segment[1:])
        return np.append(together, False)

    @property
    def digest(self) -> str:
        """SHA-256 of the contract, the dataset's digest and every array; 64 hexadecimal digits."""
        digest = hashlib.sha256(self.contract.canonical_json().encode())
        digest.update(self.dataset_digest.encode())
        for name in ARRAY_NAMES:
            digest.update(np.ascontiguousarray(getattr(self, name)).data)
        return digest.hexdigest()

    def block(self, block: Block) -> Self:
        """Cut out a block of rows, as views."""
        return replace(self, **{name: getattr(self, name)[block.rows] for name in ARRAY_NAMES})

    def split_at(self, time: datetime) -> tuple[Self, Self]:
        """Part the rows whose bar has closed by a time from the others.

        Args:
            time: With its zone; the bar that closes at this very time is the last of the first.

        Returns:
            The earlier rows and the later ones.

        Raises:
            ValueError: If the time has no zone.
            HistoryTooShortError: If a part would be empty.
        """
        if time.utcoffset() is None:
            raise ValueError(f"Rows are parted at a time with a zone, but got {time}.")
        closed = self.open_time + self.interval.seconds <= time.timestamp()
        n_earlier = int(closed.sum())
        for side, n_rows in (("before", n_earlier), ("after", self.n_bars - n_earlier)):
            if n_rows == 0:
                raise HistoryTooShortError(
                    f"No {self.interval} bar with features closes {side} "
                    f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
                    n_bars=0,
                    n_required=1,
                )
        earlier, later = Block(start=0, stop=n_earlier), Block(start=n_earlier, stop=self.n_bars)
        return self.block(earlier), self.block(later)


def build_feature_arrays(
    grid: BarGrid, *, layout: Layout = Layout.COMPACT, enhanced: bool = False
) -> FeatureArrays:
    """Compute the features of a grid of bars.

    Args:
        grid: Bars of all symbols on one grid.
        layout: Whose indicators: the basket's, or every coin's.
        enhanced: Whether to add the rolling features of every coin.

    Returns:
        Arrays that begin at the first row with features.

    Raises:
        HistoryTooShortError: If no segment outlasts the warm-up by two rows.
        ConstantColumnError: If a feature never changes; names it.
    """
    contract = market_contract(
        symbols=grid.symbols, interval=grid.interval, layout=layout, enhanced=enhanced
    )
    features, segment = feature_matrix(grid, contract)
    usable = np.flatnonzero(segment >= 0)
    if len(usable) < 2:
        longest = max((block.n_bars for block in segment_blocks(grid.segment)), default=0)
        raise HistoryTooShortError(
            f"No run of {grid.interval} bars without a long gap outlasts the warm-up of the "
            "features",
            n_bars=longest,
            n_required=contract.warm_up_bars + 2,
        )
    refuse_constant_columns(features[usable], columns=contract.columns)
    rows = slice(int(usable[0]), None)
    return FeatureArrays(
        contract=contract,
        dataset_digest=grid.dataset_digest,
        open_time=grid.open_time[rows],
        open=grid.open[rows],
        close=grid.close[rows],
        observed=grid.observed[rows],
        segment=segment[rows],
        features=features[rows],
    )


def save_arrays(folder: Path, arrays: FeatureArrays) -> Path:
    """Store arrays under their digest; what is already there is left as it is.

    Args:
        folder: Where arrays of one kind lie.
        arrays: What to store.

    Returns:
        The folder `<folder>/<digest>`: one .npy file per array, contract.json and arrays.json.
    """
    digest = arrays.digest
    path = folder / digest
    if not path.exists():
        with new_folder(path) as temporary:
            for name in ARRAY_NAMES:
                np.save(temporary / f"{name}.npy", getattr(arrays, name), allow_pickle=False)
            write_json(temporary / "contract.json", arrays.contract.to_json())
            description = {"digest": digest, "dataset_digest": arrays.dataset_digest}
            write_json(temporary / "arrays.json", description)
    return path


def load_arrays(path: Path) -> FeatureArrays:
    """Open stored arrays as read-only memory maps.

    Args:
        path: What `save_arrays` returned.

    Returns:
        The arrays, whose contract is compared with the one derived from its own settings.

    Raises:
        FileNotFoundError: If there are none.
        IntegrityError: If the content is not what its digest says.
        ContractMismatchError: If this version defines the columns differently; names the field.
    """
    description = read_json(path / "arrays.json")
    contract = FeatureContract.from_json(read_json(path / "contract.json"))
    market_contract(
        symbols=contract.symbols,
        interval=contract.interval,
        layout=contract.layout,
        enhanced=contract.enhanced,
    ).require_equal(contract)
    arrays = FeatureArrays(
        contract=contract,
        dataset_digest=description["dataset_digest"],
        **{name: np.load(path / f"{name}.npy", mmap_mode="r") for name in ARRAY_NAMES},
    )
    if arrays.digest != description["digest"]:
        raise IntegrityError(f"{path} is not what its digest {description['digest']} says.")
    return arrays
