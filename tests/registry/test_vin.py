from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cappuccino_assets.errors import VinError
from cappuccino_assets.registry.grading import Grade
from cappuccino_assets.registry.vin import Vin, VinModel, parse, render

CODE = "PPO-A-N1024B4K-L2E6G98-LB5TD20-20260214-3f9a1c"
VIN = Vin(
    model=VinModel.PPO,
    grade=Grade.A,
    net_dimension=1024,
    batch_size=4096,
    learning_rate=2e-6,
    gamma=0.98,
    lookback=5,
    time_decay=0.2,
    date=date(2026, 2, 14),
    serial="3f9a1c",
)


def test_the_example_of_the_definition():
    assert render(VIN) == CODE
    assert parse(CODE) == VIN


def test_the_form_without_a_serial():
    bare = CODE.removesuffix("-3f9a1c")
    assert parse(bare) == replace(VIN, serial=None)
    assert render(parse(bare)) == bare


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        ("batch_size", 1024, "B1K-"),
        ("batch_size", 3072, "B3K-"),
        ("batch_size", 1536, "B1536-"),
        ("batch_size", 256, "B256-"),
        ("learning_rate", 2e-6, "-L2E6G"),
        ("learning_rate", 2.45e-5, "-L2.5E5G"),  # half up, on what the number is written as
        ("learning_rate", 9.96e-6, "-L1E5G"),
        ("learning_rate", 9.94e-6, "-L9.9E6G"),
        ("learning_rate", 1e-3, "-L1E3G"),
        ("learning_rate", 0.5, "-L5E1G"),
        ("gamma", 0.985, "G98.5-"),
        ("gamma", 0.57, "G57-"),
        ("gamma", 0.999, "G99.9-"),
        ("gamma", 0.9985, "G99.9-"),
        ("gamma", 0.9365, "G93.7-"),  # although the float nearest to it lies below
        ("gamma", 0.9996, "G100-"),
        ("time_decay", 0.0, "TD0-"),
        ("time_decay", 0.05, "TD5-"),
        ("time_decay", 0.5, "TD50-"),
        ("model", VinModel.DDQN, "DDQN-A-"),
        ("date", datetime(2026, 1, 2, 23, 59, tzinfo=UTC), "-20260102-"),
    ],
)
def test_a_value_is_written_as_defined(field, value, part):
    assert part in render(replace(VIN, **{field: value}))


@pytest.mark.parametrize(
    ("field", "found", "changed"),
    [
        ("model", "PPO", "A2C"),
        ("model", "PPO", "ppo"),
        ("grade", "-A-", "-E-"),
        ("grade", "-A-", "-a-"),
        ("net_dimension", "N1024", "N01024"),
        ("net_dimension", "N1024", "N1024.0"),
        ("net_dimension", "N1024", "N1K"),
        ("net_dimension", "N1024", "N0"),
        ("batch_size", "B4K", "B4096"),
        ("batch_size", "B4K", "B3072"),
        ("batch_size", "B4K", "B4k"),
        ("batch_size", "B4K", "B0"),
        ("batch_size", "B4K", "B0.0"),
        ("learning_rate", "L2E6", "L2.0E6"),
        ("learning_rate", "L2E6", "L2E06"),
        ("learning_rate", "L2E6", "L2E-6"),
        ("learning_rate", "L2E6", "L0.2E5"),
        ("learning_rate", "L2E6", "L20E7"),
        ("learning_rate", "L2E6", "L2.05E6"),
        ("learning_rate", "L2E6", "L2E0"),
        ("learning_rate", "L2E6", "L2E999"),
        ("gamma", "G98", "G98.0"),
        ("gamma", "G98", "G098"),
        ("gamma", "G98", "G100.5"),
        ("gamma", "G98", "G98.25"),
        ("lookback", "LB5", "LB05"),
        ("lookback", "LB5", "LB"),
        ("time_decay", "TD20", "TD20.0"),
        ("time_decay", "TD20", "TD-20"),
        ("time_decay", "TD20", ""),
        ("date", "20260214", "20260231"),
        ("date", "20260214", "2026214"),
        ("date", "20260214", "٢٠٢٦٠٢١٤"),
        ("serial", "3f9a1c", "3F9A1C"),
        ("serial", "3f9a1c", "3f9a1"),
        ("serial", "3f9a1c", ""),
        ("serial", "3f9a1c", "3f9a1c\n"),
        ("serial", "3f9a1c", "3f9a1c-x"),
    ],
)
def test_another_spelling_is_refused_with_its_field(field, found, changed):
    with pytest.raises(VinError) as refusal:
        parse(CODE.replace(found, changed))
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("code", "field"), [("", "grade"), ("PPO-A", "net_dimension"), (CODE[:30], "date")]
)
def test_a_code_that_ends_early_lacks_its_next_field(code, field):
    with pytest.raises(VinError, match="lacks") as refusal:
        parse(code)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "SAC"),
        ("net_dimension", 1024.0),
        ("net_dimension", True),
        ("batch_size", 0),
        ("batch_size", -1024),
        ("learning_rate", 0.0),
        ("learning_rate", 0.996),
        ("learning_rate", float("nan")),
        ("gamma", 1.001),
        ("gamma", float("nan")),
        ("lookback", -1),
        ("time_decay", -0.1),
        ("serial", "3F9A1C"),
    ],
)
def test_incident_12_a_value_without_a_code_is_refused(field, value):
    with pytest.raises(VinError) as refusal:
        replace(VIN, **{field: value})
    assert refusal.value.field == field


def powers(low, high):
    return st.floats(low, high, allow_nan=False)


# The ranges of the full search spaces, both algorithms, and of mini's narrower ones.
vins = st.builds(
    Vin,
    model=st.sampled_from(VinModel),
    grade=st.sampled_from(Grade),
    net_dimension=st.sampled_from([64, 96, 128, *range(512, 2561, 128)]),
    batch_size=st.sampled_from([64, 128, 256, 512, 768, 1024, 1536, 2048, 3072, 4096]),
    learning_rate=powers(1e-6, 1e-3),
    gamma=st.integers(950, 999).map(lambda thousandths: thousandths / 1000),
    lookback=st.integers(1, 6),
    time_decay=st.integers(0, 10).map(lambda steps: round(0.05 * steps, 2)),
    date=st.dates(min_value=date(2020, 1, 1)),
    serial=st.none() | st.text("0123456789abcdef", min_size=6, max_size=6),
)


@given(vins)
def test_incident_12_a_code_reads_back(vin):
    code = render(vin)
    read = parse(code)
    assert render(read) == code
    exact = ("model", "grade", "net_dimension", "batch_size", "gamma", "lookback", "time_decay")
    assert [getattr(read, name) for name in exact] == [getattr(vin, name) for name in exact]
    assert (read.date, read.serial) == (vin.date, vin.serial)
    assert read.learning_rate == pytest.approx(vin.learning_rate, rel=0.051)


@given(st.text("PODQN-SABL12EG9.TK034", max_size=50) | st.text(max_size=50))
def test_any_text_is_a_canonical_code_or_is_refused(text):
    try:
        vin = parse(text)
    except VinError:
        return
    assert render(vin) == text
