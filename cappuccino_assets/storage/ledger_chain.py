"""Lines that are chained by their hashes: each vouches for all before it."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.storage.files import canonical_json, sha256_of
from cappuccino_assets.storage.ledger_rows import Identity, LedgerRow

BEGINNING: Final = "0" * 64  # stands for the hash before the first line's
_LINE: Final = re.compile(r'\{"hash":"([0-9a-f]{64})","row":(\{.*\})\}', re.ASCII)
_HASH: Final = slice(9, 73)  # where they lie in a line
_CONTENT: Final = slice(81, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """A row in its place.

    Attributes:
        line: Its number in the file, from 1.
        hash: SHA-256 of the hash before it and its content, 64 hexadecimal digits.
        content: Canonical JSON of the row and the time at which it was recorded.
        row: The row.
    """

    line: int
    hash: str
    content: str
    row: LedgerRow = field(compare=False)

    @classmethod
    def read(cls, line: int, hash: str, content: str) -> Self:
        """Read the content of a line; whether the hash is its own is not asked here.

        Raises:
            IntegrityError: If the content is no row in its canonical form.
        """
        try:
            value = json.loads(content)
            if canonical_json(value) != content:
                raise ValueError("it is not in its canonical form")
            datetime.fromisoformat(value.pop("recorded_at", ""))
            row = LedgerRow.from_json(value)
        except (AttributeError, TypeError, ValueError) as error:
            raise IntegrityError(f"Line {line} of the ledger is no row of it: {error}.") from error
        return cls(line=line, hash=hash, content=content, row=row)

    def render(self) -> str:
        """Write as the line of the file, without its end."""
        return f'{{"hash":"{self.hash}","row":{self.content}}}'


def hash_after(previous: str, content: str) -> str:
    """Compute the hash of a line from the hash before it, and its content."""
    return sha256_of((previous + content).encode())


def extended(
    lines: Sequence[LedgerLine], rows: Iterable[LedgerRow], *, recorded_at: datetime
) -> list[LedgerLine]:
    """Chain further rows to the end of a ledger.

    Args:
        lines: All lines so far.
        rows: What comes after them.
        recorded_at: The time, UTC.

    Returns:
        The new lines alone.
    """
    previous, new = head(lines), []
    for number, row in enumerate(rows, start=len(lines) + 1):
        content = canonical_json(row.to_json() | {"recorded_at": recorded_at.isoformat()})
        previous = hash_after(previous, content)
        new.append(LedgerLine(line=number, hash=previous, content=content, row=row))
    return new


def head(lines: Sequence[LedgerLine]) -> str:
    """Hash of the last line, which vouches for all."""
    return lines[-1].hash if lines else BEGINNING


def split_lines(data: bytes) -> tuple[list[str], bytes]:
    """Take a ledger's file apart.

    Returns:
        Its whole lines, and what follows the last of them: nothing, or a line that is torn.
    """
    *whole, torn = data.split(b"\n")
    return [line.decode("ascii", errors="backslashreplace") for line in whole], torn


def read_chain(texts: Iterable[str]) -> list[LedgerLine]:
    """Read all whole lines of a ledger, and recompute every hash.

    Raises:
        IntegrityError: Names the first line that does not follow from those before it.
    """
    previous, lines = BEGINNING, list[LedgerLine]()
    for number, text in enumerate(texts, start=1):
        match = _LINE.fullmatch(text)
        if match is None:
            raise IntegrityError(f"Line {number} of the ledger is no line of it.")
        found, content = match.groups()
        if found != hash_after(previous, content):
            raise IntegrityError(
                f"Line {number} of the ledger breaks the chain: it was edited, or lines before it "
                "were edited, deleted, inserted or moved."
            )
        lines.append(LedgerLine.read(number, found, content))
        previous = found
    return lines


def by_identity(lines: Iterable[LedgerLine]) -> dict[Identity, LedgerLine]:
    """Index lines by what each is about.

    Raises:
        IntegrityError: If two lines are about the same.
    """
    known = dict[Identity, LedgerLine]()
    for line in lines:
        other = known.setdefault(line.row.identity, line)
        if other is not line:
            raise IntegrityError(
                f"Line {line.line} of the ledger repeats line {other.line}: {line.row.name}."
            )
    return known


def difference(texts: Sequence[str], copied: Sequence[LedgerLine]) -> str | None:
    """Say what became of lines that were copied elsewhere, at the first one that differs.

    Args:
        texts: The file's whole lines now.
        copied: Its lines when they were last copied; the file may have grown since.

    Returns:
        The line, and what was done to it; None where each is as it was.
    """
    expected = [line.render() for line in copied]
    pairs = enumerate(zip(texts, expected, strict=False))
    at = next((i for i, (text, once) in pairs if text != once), min(len(texts), len(expected)))
    if at == len(expected):
        return None
    if at == len(texts):
        return (
            f"Line {at + 1} of the ledger was cut off, with all after it: the warehouse knows "
            f"{len(expected)} lines, but the file has {len(texts)}."
        )
    return f"Line {at + 1} of the ledger {_deed(texts, expected, at)}"


def _deed(texts: Sequence[str], expected: Sequence[str], at: int) -> str:
    now, once = _contents(texts[at:]), _contents(expected[at:])
    if now[0] == once[0]:
        return f"was edited: its hash was {expected[at][_HASH]}."
    is_later, comes_later = now[0] in once, once[0] in now
    if is_later and comes_later:
        return f"was moved: line {at + 1 + once.index(now[0])} stands there now."
    if is_later:
        return f"was deleted: line {at + 1 + once.index(now[0])} stands there now."
    if comes_later:
        return f"was inserted: what stood there is line {at + 1 + now.index(once[0])} now."
    return f"was edited: it was {once[0]}"


def _contents(texts: Iterable[str]) -> list[str]:
    """Contents without hashes, which whoever edits a line can compute anew for all after it."""
    return [text[_CONTENT] for text in texts]
