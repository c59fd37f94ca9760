"""Documents: every figure in them can be printed again by a command that they name."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from cappuccino_assets.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FIGURE = re.compile(r"\d\.\d|\d ?%|±|\+-")
COMMAND = re.compile(
    r"\b(?:make|cappuccino|python -m) [a-z][\w.-]*|\bpytest tests/[\w/.]+|tests/[\w/]+\.py"
)


def sections(text: str) -> list[str]:
    """The parts of a document, the one above the first heading of the second level first."""
    return [part for part in re.split(r"(?m)^(?=## )", text) if part.strip()]


def tables(section: str) -> list[str]:
    return [line for line in section.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_incident_43_a_table_of_figures_names_the_command_that_printed_it(path: Path) -> None:
    first, *_ = parts = sections(path.read_text())
    if "on this page" in first and COMMAND.search(first):
        return
    for section in parts:
        if any(FIGURE.search(row) for row in tables(section)):
            title = section.splitlines()[0]
            assert COMMAND.search(section), f"{path.name}: nothing prints the figures of {title!r}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_incident_43_a_command_that_is_named_exists(path: Path) -> None:
    known = {*get_command(app).commands}  # type: ignore[attr-defined]
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    for code in re.findall(r"`([^`\n]+)`|(?m:^    (.+)$)", path.read_text()):
        command = "".join(code).strip()
        if match := re.match(r"cappuccino ([a-z][a-z-]*)", command):
            assert match[1] in known, command
        if match := re.match(r"make ([a-z][a-z-]*)", command):
            assert match[1] in targets, command
        if match := re.match(r"(?:\S*/)?python -m (bench\.[\w.]+)", command):
            assert (ROOT / match[1].replace(".", "/")).with_suffix(".py").is_file(), command


def test_incident_43_a_table_without_a_command_is_found() -> None:
    _, section = sections("# Title\n## Scores\n| a | 0.52 |\n")
    assert any(FIGURE.search(row) for row in tables(section))
    assert not COMMAND.search(section)
