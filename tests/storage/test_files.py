import json

import polars as pl
import pytest

from cappuccino_assets.errors import IntegrityError
from cappuccino_assets.storage.files import (
    canonical_json,
    copy_file,
    new_folder,
    read_json,
    sha256_of,
    sha256_of_file,
    write_bytes,
    write_json,
    write_parquet,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def make_folder(path, values):
    with new_folder(path) as folder:
        for name, value in values.items():
            write_json(folder / f"{name}.json", value)


def test_canonical_json_has_one_text_per_value():
    assert canonical_json({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_that_is_not_finite_is_refused_and_the_old_file_stays(tmp_path, number):
    path = tmp_path / "value.json"
    write_json(path, {"score": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"score": number})
    assert read_json(path) == {"score": 1.0}
    assert names(tmp_path) == ["value.json"]


def test_sha256_of_the_empty_text_is_the_published_one(tmp_path):
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    (tmp_path / "empty").touch()
    assert sha256_of(b"") == empty
    assert sha256_of_file(tmp_path / "empty") == empty


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "value.json").write_text('{"score": 1')
    with pytest.raises(IntegrityError, match=r"value\.json is not a JSON file"):
        read_json(tmp_path / "value.json")


def test_an_absent_json_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "value.json")


def test_a_write_that_cannot_be_finished_leaves_no_file(tmp_path):
    (tmp_path / "target").mkdir()  # a file cannot replace a folder
    with pytest.raises(OSError, match="directory"):
        write_bytes(tmp_path / "target", b"new")
    assert names(tmp_path) == ["target"]


def test_a_copy_replaces_its_target_whole(tmp_path):
    (tmp_path / "source").write_bytes(b"new")
    (tmp_path / "target").write_bytes(b"old and longer")
    copy_file(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"new"
    assert names(tmp_path) == ["source", "target"]


def test_a_copy_of_nothing_leaves_the_target(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        copy_file(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"old"
    assert names(tmp_path) == ["target"]


def test_a_parquet_file_reads_back(tmp_path):
    frame = pl.DataFrame({"bar": [1, 2], "equity": [1.0, None]})
    write_parquet(tmp_path / "deep" / "returns.parquet", frame)
    assert pl.read_parquet(tmp_path / "deep" / "returns.parquet").equals(frame)
    assert names(tmp_path / "deep") == ["returns.parquet"]


def test_a_new_folder_appears_whole(tmp_path):
    with new_folder(tmp_path / "entry") as folder:
        (folder / "a.json").write_text("{}")
        assert not (tmp_path / "entry").exists()
    assert names(tmp_path) == ["entry"]
    assert json.loads((tmp_path / "entry" / "a.json").read_text()) == {}


def test_a_folder_whose_making_fails_does_not_exist(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        make_folder(tmp_path / "entry", {"a": 1.0, "b": float("nan")})
    assert names(tmp_path) == []


def test_a_folder_is_written_once(tmp_path):
    with new_folder(tmp_path / "entry") as folder:
        (folder / "a.json").write_text("first")
    with pytest.raises(FileExistsError, match="only once"), new_folder(tmp_path / "entry"):
        pass
    assert (tmp_path / "entry" / "a.json").read_text() == "first"


def test_of_two_makers_of_one_folder_the_first_to_finish_wins(tmp_path):
    slow = new_folder(tmp_path / "entry")
    (slow.__enter__() / "a.json").write_text("slow")
    make_folder(tmp_path / "entry", {"a": "fast"})
    with pytest.raises(OSError, match="not empty"):
        slow.__exit__(None, None, None)
    assert read_json(tmp_path / "entry" / "a.json") == "fast"
    assert names(tmp_path) == ["entry"]
