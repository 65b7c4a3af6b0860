"""Where runs lie and which one is asked."""

import os
from pathlib import Path

import pytest

from fruit_caption import runs
from fruit_caption.errors import RunError


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
def test_a_name_or_a_path(name, folder):
    assert runs.run_folder(name) == Path(folder)


def test_the_newest_run_is_asked_but_never_a_blind_one(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "ARTIFACTS", tmp_path)
    with pytest.raises(RunError, match="no trained model"):
        runs.newest_run()
    for age, name in enumerate(["compared/blind-0", "new", "compared/scratch-0"]):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / runs.MODEL).write_text("")
        os.utime(tmp_path / name / runs.MODEL, (1000 - age, 1000 - age))
    assert runs.newest_run() == tmp_path / "new"


def test_history_reads_back(tmp_path):
    assert runs.read_history(tmp_path) == []
    rows = [{"epoch": 1, "loss": 0.1 + 0.2, "validation_exact": 1.0}]
    runs.write_history(tmp_path, rows)
    assert runs.read_history(tmp_path) == rows
