"""The files of the project agree with each other."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from cappuccino_assets.settings import Settings

ROOT = Path(__file__).parents[2]


def test_workspace_and_pyproject_describe_one_code_location():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    assert location["python_module"] == {
        "module_name": f"{project['root_module']}.definitions",
        "location_name": project["code_location_name"],
    }


def test_every_folder_of_the_instance_lies_under_the_warehouse():
    instance = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    folders = [
        instance["storage"]["sqlite"]["base_dir"],
        instance["local_artifact_storage"]["config"]["base_dir"],
        instance["compute_logs"]["config"]["base_dir"],
    ]
    assert all(folder.startswith("warehouse/dagster") for folder in folders)
    assert instance["telemetry"] == {"enabled": False}


def test_continuous_integration_runs_the_tests():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().rstrip().endswith("exec make test")


@pytest.mark.parametrize("target", ["demo", "test", "test-all", "check", "dev", "bench"])
def test_make_knows_its_targets(target):
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_loading_the_definitions_imports_no_heavy_library():
    code = (
        "import sys, cappuccino_assets.definitions\n"
        "print(*{'torch', 'optuna', 'polars', 'duckdb', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_layers_hold():
    tool = Path(sys.executable).with_name("lint-imports")
    if not tool.exists():
        pytest.skip("import-linter is not installed (extra `dev`)")
    done = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_readme_names_every_setting_with_its_default():
    readme = (ROOT / "README.md").read_text()
    rows = [line for line in readme.splitlines() if line.startswith("| `CAPPUCCINO_")]
    named = set()
    for row in rows:
        names = re.findall(r"`([A-Z_.]+)`", row.split("|")[1])
        stem = names[0].removeprefix("CAPPUCCINO_").lower()
        named.add(stem)
        for name in names[1:]:
            suffix = name.removeprefix("...").lower()
            named |= {each for each in Settings.model_fields if each.endswith(suffix)}
    assert named == set(Settings.model_fields)
