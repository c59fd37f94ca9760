import shutil
import sys
from pathlib import Path

import pytest

from cappuccino_assets.cli.main import main
from cappuccino_assets.settings import current_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cappuccino(tmp_path, monkeypatch, capfd):
    """The command in this process, with a warehouse and an instance of its own."""
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("CAPPUCCINO_WAREHOUSE", str(tmp_path / "warehouse"))

    def call(*arguments):
        current_settings.cache_clear()
        monkeypatch.setattr(sys, "argv", ["cappuccino", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return ended.value.code, out, err

    yield call
    current_settings.cache_clear()
