"""The pages as a person sees them, in a real browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
STARTUP_S = 90

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Address of `dagster dev` on an instance in which bars and features were made."""
    home = tmp_path_factory.mktemp("home")
    shutil.copy(ROOT / "dagster.yaml", home)
    environment = os.environ | {
        "DAGSTER_HOME": str(home),
        "CAPPUCCINO_WAREHOUSE": str(home / "warehouse"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(ROOT),
    }
    options = {"cwd": home, "env": environment}
    module = ("-m", "cappuccino_assets.definitions")
    select = ("asset", "materialize", "--select", "raw_bars,feature_arrays")
    subprocess.run([BIN / "dagster", *select, *module], check=True, capture_output=True, **options)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [BIN / "dagster", "dev", *module, "--host", "127.0.0.1", "--port", str(port)]
    with (home / "dev.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, **options)
        try:
            wait_for(f"http://127.0.0.1:{port}/server_info", home / "dev.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)


def wait_for(address, log):
    deadline = time.monotonic() + STARTUP_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.5)
    pytest.fail(f"`dagster dev` did not answer in {STARTUP_S} s:\n{log.read_text()}")


@pytest.fixture(scope="module")
def page(url):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_the_asset_page_shows_grain_tables_and_green_checks(page, url):
    page.goto(f"{url}/assets/raw_bars")
    page.get_by_text("One row per closed bar and symbol").first.wait_for()
    page.get_by_text("n_missing_bars").first.wait_for()
    page.get_by_text("simulated realistic 1h seed 0").first.wait_for()
    page.goto(f"{url}/assets/raw_bars?view=checks")
    page.get_by_text("bars_are_whole").first.wait_for()
    assert page.get_by_text("Succeeded").count() == 3


def test_the_lineage_shows_every_group(page, url):
    page.goto(f"{url}/asset-groups")
    for group in ("market", "features", "search", "registry", "live"):
        page.get_by_text(group, exact=True).first.wait_for()


def test_schedule_and_sensor_can_be_switched_on(page, url):
    page.goto(f"{url}/automation")
    for name in ("weekly_training", "new_top_trials"):
        page.get_by_text(name).first.wait_for()
    switches = page.locator("[class*=formatSwitch]")
    switches.nth(1).wait_for()
    for number in range(2):
        switches.nth(number).click()
    page.locator("[class*=formatSwitch] input:checked").nth(1).wait_for(state="attached")
    page.reload()
    page.locator("[class*=formatSwitch] input:checked").nth(1).wait_for(state="attached")
