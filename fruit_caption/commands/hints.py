"""What the command line suggests for each error code of the library."""

from __future__ import annotations

from fruit_caption.utils.errors import FruitError

HINTS = {
    "run-finished": "Choose another name with --run.",
    "run-unfinished": "Continue it with --resume, or choose another name with --run.",
    "run-not-started": "Train without --resume.",
    "run-missing": "`fruit train --run NAME` makes one.",
    "run-interrupted": "Continue it with `fruit train --resume`.",
    "run-differs": "Choose another name with --name, or remove the run.",
    "worker-lost": "Start all workers again with --resume.",
    "no-cluster-config": "--strategy multi-worker reads it.",
    "export-broken": "Make it again with `fruit export`.",
    "litert-unavailable": "`--format onnx` works with this version.",
    "no-quiz": "`fruit train --quiz` teaches a model to ask questions.",
    "weights-not-downloadable": "Pass a file with --encoder-weights PATH, or train a network of "
    "your own with --scratch.",
    "weights-file-needed": "Pass a file with --encoder-weights PATH.",
    "no-data-set": "`fruit generate-data` makes one.",
    "no-photos": "Pass --photos DIR, --scenes N or --open-images N.",
    "writer-missing": "Name another with --writer, or make one with `fruit train-writer`.",
    "writer-exists": "Choose another folder with --out.",
    "preset-not-loaded": "To write without it: --writer shipped or --writer grammar.",
    "no-ray": "--engine ray needs it: pip install 'fruit-caption[scale]'.",
    "no-ray-cluster": "`ray start --head` starts one.",
}


def with_hint(error: FruitError) -> str:
    """The message of an error, followed by the hint for its code if there is one."""
    hint = HINTS.get(error.code)
    return f"{error} {hint}" if hint else str(error)
