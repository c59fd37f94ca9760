"""The instance, opened from any folder and by several processes at once."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cappuccino_assets.cli.instance import open_instance
from cappuccino_assets.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
OPEN = "import sys; from pathlib import Path; from cappuccino_assets.cli.instance import *\n"
OPEN += "open_instance(Path(sys.argv[1])).dispose()"


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copy(ROOT / "dagster.yaml", folder)
    return folder


def test_history_lies_in_the_repository_whatever_the_working_directory(root, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with open_instance(root) as instance:
        assert instance.get_runs_count() == 0
    assert (root / "warehouse" / "dagster" / "storage" / "history" / "runs.db").is_file()
    assert list(elsewhere.iterdir()) == []


def test_a_folder_without_dagster_yaml_is_refused(root):
    (root / "dagster.yaml").unlink()
    with pytest.raises(ConfigurationError, match="clone of the repository"):
        open_instance(root)


def test_processes_that_start_together_do_not_corrupt_a_new_instance(root):
    processes = [
        subprocess.Popen([sys.executable, "-c", OPEN, root], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    with open_instance(root) as instance:
        assert instance.get_runs_count() == 0
