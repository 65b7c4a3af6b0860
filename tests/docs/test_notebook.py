"""The example notebook runs, and its stored outputs have no errors."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "fruit.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]


def test_the_notebook_runs_from_top_to_bottom(monkeypatch, capsys):
    monkeypatch.chdir(NOTEBOOK.parent)
    plt.switch_backend("Agg")
    monkeypatch.setattr(plt, "show", plt.close)
    names: dict = {}
    for cell in CODE:
        exec("".join(cell["source"]), names)
    assert "of the validation questions right" in capsys.readouterr().out
    assert not Path(names["home"].name).exists()


@pytest.mark.parametrize("cell", CODE, ids=lambda cell: cell["id"])
def test_the_cell_was_executed_without_error(cell):
    kinds = [output["output_type"] for output in cell["outputs"]]
    assert cell["execution_count"]
    assert "error" not in kinds
    assert not any(output.get("name") == "stderr" for output in cell["outputs"])
