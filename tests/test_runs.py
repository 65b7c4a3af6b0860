"""Run folders and their history files."""

from pathlib import Path

import pytest

from fruit_caption.runs import STAGES, Run
from fruit_caption.utils.errors import DataError


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("mine", "artifacts/mine"),
        ("demo/scratch", "artifacts/demo/scratch"),
        ("artifacts/demo/scratch", "artifacts/demo/scratch"),
        ("/tmp/run", "/tmp/run"),
        ("./run", "run"),
        ("../run", "../run"),
    ],
)
def test_runs_are_named_by_name_or_path(name, folder):
    assert Run.named(name).path == Path(folder)


def test_the_release_is_found_from_everywhere(tmp_path, monkeypatch):
    """The first training that README shows goes on from it, in a folder of the user's own."""
    monkeypatch.chdir(tmp_path)
    assert Run.named("release").path == Run.released().path
    (tmp_path / "artifacts" / "release").mkdir(parents=True)
    assert Run.named("release").path == Path("artifacts/release")


def test_history_round_trip(tmp_path):
    assert Run(tmp_path).read_history() == []
    rows = [{"stage": "decoder", "epoch": 1, "loss": 0.1 + 0.2, "validation": 1.0}]
    Run(tmp_path).write_history(rows)
    assert Run(tmp_path).read_history() == rows


@pytest.mark.parametrize(
    "content",
    [b"epoch,loss\n1,none\n", b"epoch,loss\n1\n", b"epoch\n1,2\n", b"epoch,loss\n1,\xff\n"],
)
def test_a_broken_history_is_rejected(tmp_path, content):
    (tmp_path / "history.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"history\.csv can't be read"):
        Run(tmp_path).read_history()


def test_files_of_training_are_removed_with_the_last(tmp_path):
    class Model:
        def save(self, path):
            path.write_text("model")

    run = Run(tmp_path)
    files = [file(stage) for stage in STAGES for file in (run.state_file, run.kept_file)]
    assert len(set(files)) == 4
    for file in files[1:]:
        file.write_text("")
    run.save_model(Model())
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
