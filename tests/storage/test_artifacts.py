"""A shared folder arrives whole and unchanged, or not at all."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from cappuccino_assets.errors import InfrastructureError, IntegrityError
from cappuccino_assets.storage.artifacts import pull_folder, push_folder
from cappuccino_assets.storage.files import read_json, write_bytes, write_json
from cappuccino_assets.storage.layout import WarehouseLayout
from cappuccino_assets.storage.locks import exclusive

STUDY = "winter/phase2_ppo"
PUSH = """
import sys
from pathlib import Path
from cappuccino_assets.storage.artifacts import push_folder
from cappuccino_assets.storage.layout import WarehouseLayout
root, place, folder = sys.argv[1:]
push_folder(WarehouseLayout(root=Path(root), artifacts_url=place), Path(folder))
"""


@pytest.fixture(params=["file", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield (tmp_path / "shared").as_uri()
    else:
        yield f"memory://{tmp_path.name}/shared"
        fsspec.filesystem("memory").store.clear()


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "shared"


def warehouse(tmp_path: Path, name: str, place: str | None) -> WarehouseLayout:
    return WarehouseLayout(root=tmp_path / name, artifacts_url=place)


def trial_of(layout: WarehouseLayout, *, score: float = 0.5) -> Path:
    folder = layout.trial(STUDY, 7)
    write_json(folder / "trial.json", {"score": score})
    write_bytes(folder / "models" / "0.safetensors", bytes(range(256)) * 20_000)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def listed(shared: Path) -> dict[str, str]:
    digests: dict[str, str] = read_json(shared / "trials" / STUDY / "00007" / "files.json")
    return digests


def shelf(shared: Path) -> Path:
    return shared / "trials" / STUDY / "00007"


def test_what_one_machine_pushes_another_pulls(tmp_path: Path, place: str) -> None:
    here, there = warehouse(tmp_path, "here", place), warehouse(tmp_path, "there", place)
    pushed = trial_of(here)
    push_folder(here, pushed)
    assert pull_folder(there, there.trial(STUDY, 7))
    assert content(there.trial(STUDY, 7)) == content(pushed)
    assert sorted(path.name for path in there.trial(STUDY, 7).parent.iterdir()) == ["00007"]


def test_without_a_place_nothing_is_shared(tmp_path: Path) -> None:
    alone = warehouse(tmp_path, "alone", None)
    folder = trial_of(alone)
    push_folder(alone, folder)
    assert not pull_folder(alone, folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone"]


def test_what_nobody_pushed_is_not_there(tmp_path: Path, place: str) -> None:
    there = warehouse(tmp_path, "there", place)
    assert not pull_folder(there, there.trial(STUDY, 7))
    assert not there.trial(STUDY, 7).exists()


def test_the_last_list_holds_and_replaces_what_differs(tmp_path: Path, place: str) -> None:
    here, there = warehouse(tmp_path, "here", place), warehouse(tmp_path, "there", place)
    folder, pulled = trial_of(here), there.trial(STUDY, 7)
    push_folder(here, folder)
    pull_folder(there, pulled)
    write_json(folder / "trial.json", {"score": 0.75})
    (folder / "models" / "0.safetensors").unlink()
    push_folder(here, folder)
    assert pull_folder(there, pulled)
    assert list(content(pulled)) == ["trial.json"]
    assert read_json(pulled / "trial.json") == {"score": 0.75}


def test_a_folder_that_is_as_it_should_be_is_left_alone(tmp_path: Path, place: str) -> None:
    here = warehouse(tmp_path, "here", place)
    folder = trial_of(here)
    push_folder(here, folder)
    before = folder.stat().st_ino
    assert pull_folder(here, folder)
    assert folder.stat().st_ino == before


def test_a_changed_byte_is_refused_by_name(tmp_path: Path, shared: Path) -> None:
    here = warehouse(tmp_path, "here", shared.as_uri())
    there = warehouse(tmp_path, "there", shared.as_uri())
    push_folder(here, trial_of(here))
    name = listed(shared)["models/0.safetensors"]
    changed = bytearray((shelf(shared) / name).read_bytes())
    changed[1_000_000] ^= 1
    (shelf(shared) / name).write_bytes(changed)
    with pytest.raises(IntegrityError, match=rf"{name} has the SHA-256"):
        pull_folder(there, there.trial(STUDY, 7))
    assert not there.trial(STUDY, 7).exists()


def test_an_absent_file_is_refused_by_name(tmp_path: Path, shared: Path) -> None:
    here = warehouse(tmp_path, "here", shared.as_uri())
    there = warehouse(tmp_path, "there", shared.as_uri())
    push_folder(here, trial_of(here))
    (shelf(shared) / listed(shared)["trial.json"]).unlink()
    with pytest.raises(IntegrityError, match="is listed, but absent"):
        pull_folder(there, there.trial(STUDY, 7))
    assert list(there.trial(STUDY, 7).parent.iterdir()) == []


def test_a_torn_upload_is_not_there_and_can_be_repeated(tmp_path: Path, shared: Path) -> None:
    here = warehouse(tmp_path, "here", shared.as_uri())
    there = warehouse(tmp_path, "there", shared.as_uri())
    folder = trial_of(here)
    push_folder(here, folder)
    digests = listed(shared)
    (shelf(shared) / "files.json").unlink()
    (shelf(shared) / digests["models/0.safetensors"]).write_bytes(b"half")
    assert not pull_folder(there, there.trial(STUDY, 7))
    push_folder(here, folder)
    assert pull_folder(there, there.trial(STUDY, 7))
    assert content(there.trial(STUDY, 7)) == content(folder)


def test_a_killed_upload_leaves_nothing_that_is_pulled(tmp_path: Path, shared: Path) -> None:
    here = warehouse(tmp_path, "here", shared.as_uri())
    there = warehouse(tmp_path, "there", shared.as_uri())
    folder = trial_of(here)
    for number in range(300):
        write_bytes(folder / "checkpoints" / f"{number:03d}", bytes([number % 256]) * 100_000)
    command = [sys.executable, "-c", PUSH, str(here.root), shared.as_uri(), str(folder)]
    with subprocess.Popen(command) as process:
        while len(list(shelf(shared).glob("[0-9a-f]*"))) < 20:
            assert process.poll() is None
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
    assert not (shelf(shared) / "files.json").exists()
    assert not pull_folder(there, there.trial(STUDY, 7))
    push_folder(here, folder)
    assert pull_folder(there, there.trial(STUDY, 7))
    assert content(there.trial(STUDY, 7)) == content(folder)


def test_pushes_of_one_folder_at_once_never_mix(tmp_path: Path, shared: Path) -> None:
    """Two machines ended the same trial: the list of either, and all its files."""
    layouts = [warehouse(tmp_path, f"host{n}", shared.as_uri()) for n in range(4)]
    folders = [trial_of(layout, score=float(n)) for n, layout in enumerate(layouts)]
    there = warehouse(tmp_path, "there", shared.as_uri())
    for _ in range(5):
        with ThreadPoolExecutor(8) as pool:
            pushes = list(pool.map(push_folder, layouts, folders))
            pulls = list(pool.map(lambda _: pull_folder(there, there.trial(STUDY, 7)), range(4)))
        assert pushes == [None] * 4
        assert all(pulls)
        assert content(there.trial(STUDY, 7)) in [content(folder) for folder in folders]


def test_one_process_at_a_time_fetches(tmp_path: Path, place: str) -> None:
    here, there = warehouse(tmp_path, "here", place), warehouse(tmp_path, "there", place)
    push_folder(here, trial_of(here))
    with ThreadPoolExecutor(1) as pool:
        with exclusive(there.pull_lock):
            pull = pool.submit(pull_folder, there, there.trial(STUDY, 7))
            with pytest.raises(TimeoutError):
                pull.result(timeout=0.5)
            assert not there.trial(STUDY, 7).exists()
        assert pull.result()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\b", "", ".", "a//b"])
def test_a_list_leads_nowhere_else(tmp_path: Path, shared: Path, name: str) -> None:
    here = warehouse(tmp_path, "here", shared.as_uri())
    there = warehouse(tmp_path, "there", shared.as_uri())
    push_folder(here, trial_of(here))
    digest = listed(shared)["trial.json"]
    (shelf(shared) / "files.json").write_text(json.dumps({name: digest}))
    with pytest.raises(IntegrityError, match="may not be the name of a file"):
        pull_folder(there, there.trial(STUDY, 7))


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"a": 1}', '{"a": "../../trial.json"}', '{"a": "AB"}']
)
def test_a_list_of_something_else_is_refused(tmp_path: Path, shared: Path, text: str) -> None:
    there = warehouse(tmp_path, "there", shared.as_uri())
    write_bytes(shelf(shared) / "files.json", text.encode())
    with pytest.raises(IntegrityError, match=r"files\.json"):
        pull_folder(there, there.trial(STUDY, 7))


def test_only_folders_of_the_warehouse_are_shared(tmp_path: Path, place: str) -> None:
    here = warehouse(tmp_path, "here", place)
    (here.root / "link").parent.mkdir(parents=True)
    (here.root / "link").symlink_to(tmp_path)
    for folder in (tmp_path, here.root, here.root / ".." / "other", here.root / "link"):
        with pytest.raises(ValueError, match=r"warehouse|subpath"):
            push_folder(here, folder)


def test_a_link_in_a_folder_is_refused(tmp_path: Path, place: str) -> None:
    here = warehouse(tmp_path, "here", place)
    folder = trial_of(here)
    (folder / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(IntegrityError, match="neither a file nor a folder"):
        push_folder(here, folder)


def test_a_folder_without_files_is_refused(tmp_path: Path, place: str) -> None:
    here = warehouse(tmp_path, "here", place)
    with pytest.raises(IntegrityError, match="has no files"):
        push_folder(here, here.trial(STUDY, 7))


def test_a_place_that_refuses_is_a_fault_of_the_machine(tmp_path: Path, shared: Path) -> None:
    shared.write_text("a file, where a folder should be")
    here = warehouse(tmp_path, "here", shared.as_uri())
    with pytest.raises(InfrastructureError, match="cannot be reached"):
        push_folder(here, trial_of(here))
