"""Hints that the command line adds to errors, by error code."""

from __future__ import annotations

from fruit_caption.utils.errors import FruitError

HINTS = {
    "run-finished": "Choose another name with --run.",
    "run-unfinished": "Continue it with --resume, or choose another name with --run.",
    "run-not-started": "Train without --resume.",
    "run-missing": "Train one with `fruit train --run NAME`.",
    "run-interrupted": "Continue it with `fruit train --resume`.",
    "run-differs": "Choose another name with --name, or remove the run.",
    "worker-lost": "Start all workers again with --resume.",
    "no-tensorboard": "Install it with `pip install tensorboard`, or leave out --tensorboard.",
    "no-cluster-config": "It is needed by --strategy multi-worker.",
    "export-broken": "Export the run again with `fruit export`.",
    "litert-unavailable": "Use --format onnx instead.",
    "no-quiz": "Train one with `fruit train --quiz`.",
    "weights-not-downloadable": "Pass a file with --encoder-weights PATH, or train without "
    "pretrained weights with --scratch.",
    "weights-file-needed": "Pass a file with --encoder-weights PATH.",
    "no-data-set": "Make one with `fruit generate-data`.",
    "no-such-source": "Check --unseen.",
    "no-shares": "Check --shares.",
    "no-splits": "Leave out --keep-splits.",
    "no-address": "Choose others with --port and --host.",
    "no-fruit-class": "Pass --names FILE with JSON that tells what they are, such as "
    '{"boskoop": "apple"}.',
    "no-photos": "Pass --photos DIR, --scenes N or --open-images N.",
    "writer-missing": "Choose another with --writer, or train one with `fruit train-writer`.",
    "writer-exists": "Choose another folder with --out.",
    "preset-not-loaded": "Or use --writer shipped or --writer grammar.",
    "no-ray": "Install it with `pip install 'fruit-caption[scale]'`.",
    "no-ray-cluster": "Start one with `ray start --head`.",
}


def with_hint(error: FruitError) -> str:
    """Return the message of an error, followed by the hint for its code if there is one."""
    hint = HINTS.get(error.code)
    return f"{error} {hint}" if hint else str(error)
