"""Tests of atomic writing and folder locks."""

import multiprocessing
import os
import shutil

import pytest

from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.files import LOCK, atomic_write, lock_folder, read_json, write_json


def test_json_round_trip_leaves_no_other_files(tmp_path):
    write_json(tmp_path / "new" / "a.json", {"ä": 1})
    assert read_json(tmp_path / "new" / "a.json") == {"ä": 1}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with atomic_write(path) as draft:
            draft.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_write_error_names_the_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FruitError, match=r"a\.json can't be written"):
        write_json(tmp_path / "file" / "a.json", {})


def test_a_device_or_a_link_to_one_is_never_replaced(tmp_path):
    """`--csv /dev/stdout` must not put a file in the place of the link."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/null")
    for name in ("pipe", "link"):
        with pytest.raises(FruitError, match=f"{name} can't be written: it is not a regular file"):
            write_json(tmp_path / name, {})
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()


def test_full_disk_is_reported_before_writing(tmp_path):
    path, room = tmp_path / "a.txt", shutil.disk_usage(tmp_path).free
    path.write_text("old")
    with (
        pytest.raises(FruitError, match=r"a\.txt can't be written: No space left on device\."),
        atomic_write(path, 2 * room),
    ):
        raise AssertionError("the block ran")
    with atomic_write(path, room // 2) as draft:
        draft.write_text("new")
    assert path.read_text() == "new"


def try_to_lock(folder, answers):
    try:
        with lock_folder(folder):
            answers.put("locked")
    except FruitError as error:
        answers.put(str(error))


def test_folder_is_locked_against_other_processes(tmp_path):
    folder, spawn = tmp_path / "run", multiprocessing.get_context("spawn")
    answers = spawn.Queue()

    def lock_in_other_process():
        process = spawn.Process(target=try_to_lock, args=(folder, answers))
        process.start()
        process.join()
        return answers.get(timeout=10)

    with lock_folder(folder):
        assert lock_in_other_process() == (
            f"Another process is at work in {folder}; wait for it, or choose another folder."
        )
        assert folder.is_dir()
    assert not folder.exists()
    (folder / LOCK).parent.mkdir()
    (folder / LOCK).touch()  # a lock file left by a killed process
    assert lock_in_other_process() == "locked"


def test_folder_with_content_is_kept(tmp_path):
    with lock_folder(tmp_path / "run"):
        (tmp_path / "run" / "a.txt").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["a.txt"]


def test_lock_error_names_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(FruitError, match=r"file/run can't be written"),
        lock_folder(tmp_path / "file" / "run"),
    ):
        pass


def test_temporary_files_of_killed_processes_are_removed(tmp_path):
    for name in (".17.state.weights.h5", ".hidden", "17.kept"):
        (tmp_path / name).touch()
    with lock_folder(tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", ".lock", "17.kept"]
