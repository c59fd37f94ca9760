"""Rules over the text of every tracked file."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = {
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "Alpaca key": re.compile(r"\b[PA]K[A-Z0-9]{18,24}\b"),
    "AWS key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"),
    "assigned secret": re.compile(
        r"(?i)\b(api_?key|secret(_?key)?|password|token)\b\s*[:=]\s*['\"][A-Za-z0-9/+_-]{16,}['\"]"
    ),
}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
UNSAFE_CALLS = {("torch", "load"), ("torch", "save"), ("pl", "deserialize")}


def tracked_files() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name]


def package_trees() -> list[tuple[Path, ast.Module]]:
    paths = sorted((ROOT / "cappuccino_assets").rglob("*.py"))
    return [(path, ast.parse(path.read_text())) for path in paths]


def imported_modules(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return names


def secrets_in(text: str) -> list[str]:
    return [kind for kind, pattern in SECRETS.items() if pattern.search(text)]


def test_incident_41_no_secret_is_tracked():
    found = {
        (str(path.relative_to(ROOT)), kind)
        for path in tracked_files()
        if path.is_file()
        for kind in secrets_in(path.read_text(errors="replace"))
    }
    assert found == set()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("key = '" + "PK" + "A1B2C3D4E5F6G7H8I9J0" + "'", "Alpaca key"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "private key"),
        ("api_key: '" + "x" * 20 + "'", "assigned secret"),
    ],
)
def test_incident_41_the_scan_finds_a_planted_secret(text, kind):
    assert kind in secrets_in(text)


def test_incident_41_nothing_that_can_execute_code_is_read_or_written():
    faults = []
    for path, tree in package_trees():
        roots = {name.split(".")[0] for name in imported_modules(tree)}
        faults += [(path.name, name) for name in roots & UNSAFE_MODULES]
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                call = (node.value.id, node.attr)
                faults += [(path.name, call)] if call in UNSAFE_CALLS else []
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                allowed = not (isinstance(node.value, ast.Constant) and node.value.value is False)
                faults += [(path.name, "allow_pickle")] if allowed else []
    assert faults == []


def test_incident_42_no_test_replaces_the_product_by_a_mock():
    banned = re.compile(r"unittest\.mock|unittest import mock|\bMagicMock\b|pytest_mock|mocker")
    faults = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path != Path(__file__) and banned.search(path.read_text())
    ]
    assert faults == []


def test_only_the_settings_read_the_environment():
    reads = re.compile(r"os\.environ|os\.getenv")
    faults = [
        path.name
        for path in sorted((ROOT / "cappuccino_assets").rglob("*.py"))
        if path.name != "settings.py" and reads.search(path.read_text())
    ]
    assert faults == []


def test_no_module_of_the_package_raises_or_catches_bare_exception():
    faults = []
    for path, tree in package_trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                faults.append((path.name, node.lineno))
            target = node.exc if isinstance(node, ast.Raise) else None
            name = getattr(getattr(target, "func", target), "id", None)
            if name in ("Exception", "BaseException"):
                faults.append((path.name, node.lineno))
    assert faults == []
