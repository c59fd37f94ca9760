"""The chain: whatever is done to a ledger's file is found, and its line is named."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.storage.ledger_chain import (
    LedgerLine,
    by_identity,
    difference,
    extended,
    head,
    read_chain,
    split_lines,
)
from cappuccino_assets.storage.ledger_rows import LedgerKind, LedgerRow
from tests.storage.ledgers import other_row, trial_row

NOW = datetime(2026, 2, 14, 1, 2, 3, tzinfo=UTC)
ROWS = [
    trial_row(0),
    trial_row(1, state="FAIL"),
    trial_row(2, state="PRUNED"),
    trial_row(3, params={"gamma": 0.985, "lr_schedule": "linear"}),
    other_row(LedgerKind.HOLDOUT_OPENING, "2026-01", number=3),
    other_row(LedgerKind.GATE_DECISION, "first", number=3, passed=False),
]
LINES = extended([], ROWS, recorded_at=NOW)
N = len(LINES)


def data_of(texts: Sequence[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


TEXTS = [line.render() for line in LINES]
DATA = data_of(TEXTS)


def chain_fault(data: bytes) -> str | None:
    """What the chain alone finds."""
    texts, torn = split_lines(data)
    try:
        read_chain(texts)
    except IntegrityError as error:
        return str(error)
    return f"Line {len(texts) + 1} is torn" if torn else None


def any_fault(data: bytes, copied: Sequence[LedgerLine] = LINES) -> str | None:
    """What is found with a copy of the ledger at hand."""
    texts, _ = split_lines(data)
    longer = len(texts) > len(copied)
    added = f"Line {len(copied) + 1} was added" if longer else None
    return difference(texts, copied) or chain_fault(data) or added


def rechained(rows: Sequence[LedgerRow]) -> list[str]:
    """The texts of a ledger that somebody has written anew."""
    return [line.render() for line in extended([], rows, recorded_at=NOW)]


def test_a_hash_is_of_the_hash_before_it_and_the_content() -> None:
    first, second = LINES[:2]
    assert first.hash == hashlib.sha256(("0" * 64 + first.content).encode()).hexdigest()
    assert second.hash == hashlib.sha256((first.hash + second.content).encode()).hexdigest()
    assert head(LINES) == LINES[-1].hash
    assert head([]) == "0" * 64


def test_what_was_written_reads_back() -> None:
    assert read_chain(TEXTS) == LINES
    assert [line.row for line in read_chain(TEXTS)] == ROWS
    assert any_fault(DATA) is None


@settings(max_examples=300)
@given(at=st.integers(0, len(DATA) - 1), byte=st.integers(0, 255))
def test_any_changed_byte_is_found_by_the_chain_alone(at: int, byte: int) -> None:
    edited = DATA[:at] + bytes([byte]) + DATA[at + 1 :]
    fault = chain_fault(edited)
    line = 1 + DATA[:at].count(b"\n")
    assert (fault is None) is (edited == DATA)
    assert fault is None or int(re.findall(r"Line (\d+)", fault)[0]) == line


@settings(max_examples=300)
@given(at=st.integers(0, len(DATA)), inserted=st.binary(min_size=1, max_size=3))
def test_anything_put_in_is_found_by_the_chain_alone(at: int, inserted: bytes) -> None:
    assert chain_fault(DATA[:at] + inserted + DATA[at:])


@settings(max_examples=300)
@given(ends=st.tuples(st.integers(0, len(DATA)), st.integers(0, len(DATA))))
def test_anything_taken_out_is_found(ends: tuple[int, int]) -> None:
    begin, end = sorted(ends)
    fault = any_fault(DATA[:begin] + DATA[end:])
    assert (fault is None) is (begin == end)


@given(order=st.permutations(range(N)))
def test_any_other_order_is_found_and_its_first_line_is_named(order: list[int]) -> None:
    fault = any_fault(data_of([TEXTS[i] for i in order]))
    first = next((i for i, at in enumerate(order) if i != at), None)
    assert (fault is None) is (first is None)
    assert first is None or str(fault).startswith(f"Line {first + 1} ")


@given(order=st.permutations(range(N)), n_kept=st.integers(0, N))
def test_lines_that_were_left_out_or_moved_are_found_when_all_hashes_are_new(
    order: list[int], n_kept: int
) -> None:
    kept = order[:n_kept]
    fault = any_fault(data_of(rechained([ROWS[i] for i in kept])))
    assert (fault is None) is (kept == list(range(N)))


@pytest.mark.parametrize("at", range(N))
def test_what_was_done_is_said_even_when_all_hashes_are_new(at: int) -> None:
    without = difference(rechained(ROWS[:at] + ROWS[at + 1 :]), LINES)
    deed = "was deleted" if at < N - 1 else "was cut off"
    assert f"Line {at + 1} of the ledger {deed}" in str(without)

    other = trial_row(99)
    inserted = difference(rechained([*ROWS[:at], other, *ROWS[at:]]), LINES)
    assert f"Line {at + 1} of the ledger was inserted" in str(inserted)

    edited = difference(rechained([*ROWS[:at], other, *ROWS[at + 1 :]]), LINES)
    assert f"Line {at + 1} of the ledger was edited: it was" in str(edited)
    assert LINES[at].content in str(edited)


def test_two_lines_that_changed_places_were_moved() -> None:
    swapped = [TEXTS[0], TEXTS[2], TEXTS[1], *TEXTS[3:]]
    assert "Line 2 of the ledger was moved: line 3 stands there" in str(difference(swapped, LINES))


def test_an_edited_hash_is_told_from_an_edited_row() -> None:
    edited = [TEXTS[0].replace(LINES[0].hash, "f" * 64), *TEXTS[1:]]
    assert f"was edited: its hash was {LINES[0].hash}" in str(difference(edited, LINES))


def test_only_a_copy_knows_that_the_end_is_missing() -> None:
    cut = data_of(TEXTS[:-2])
    assert chain_fault(cut) is None
    assert "Line 5 of the ledger was cut off" in str(any_fault(cut))
    assert "Line 1 of the ledger was cut off" in str(any_fault(b""))


def test_a_file_that_has_grown_since_it_was_copied_does_not_differ() -> None:
    assert difference(TEXTS, LINES[:-2]) is None


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ('{ "kind":"trial"}', "canonical"),
        ('{"kind":"trial"}', "isoformat"),
        (LINES[0].content.replace('"trial"', '"tribal"'), "LedgerKind"),
        (LINES[0].content.replace('"number":0', '"number":-1'), "numbered from 0"),
        (LINES[0].content.replace('"COMPLETE"', '"RUNNING"'), "RUNNING"),
        (LINES[0].content.replace('"key"', '"keys"'), "keys"),
    ],
)
def test_a_line_with_a_right_hash_is_a_row_of_a_ledger(content: str, rule: str) -> None:
    with pytest.raises(IntegrityError, match=rf"Line 1 of the ledger is no row.*{rule}"):
        LedgerLine.read(1, "0" * 64, content)


def test_two_lines_about_the_same_are_refused() -> None:
    again = extended(LINES, [ROWS[2]], recorded_at=NOW)
    with pytest.raises(IntegrityError, match="Line 7 of the ledger repeats line 3: trial 2"):
        by_identity([*LINES, *again])
