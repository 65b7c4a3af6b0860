"""Runs exported models without TensorFlow, which takes longer to start than to answer.

    RUN/onnx/encoder.onnx   network from pixels to the outputs of the neck
    RUN/onnx/decoder.onnx   network for one step of the decoder
    RUN/onnx/model.json     manifest: vocabulary, fruits, image size, confidence threshold, and the
                            SHA-256 of the exported model.keras, to recognize an outdated export

`export` writes them. For LiteRT the folder is `litert` and the networks end in `.tflite`.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.decoding import Arrays, EncodeFn
from fruit_caption.runs import Run
from fruit_caption.utils.errors import DataError, RunError, first_line
from fruit_caption.utils.files import file_sha256, read_json
from fruit_caption.utils.startup import silence_stderr

Format = Literal["onnx", "litert"]

SUFFIXES: dict[Format, str] = {"onnx": "onnx", "litert": "tflite"}
"""File name suffix of the networks in each format."""

ENCODER = "encoder"
"""Name of the network that encodes a photo, and of its file."""

DECODER = "decoder"
"""Name of the network for one decoder step, and of its file."""

MANIFEST = "model.json"
"""Name of the file that describes an export."""

STATES = ("state_h", "state_c")
"""Decoder inputs that hold the state of the LSTM."""

HIDDEN = "hidden"
"""Name of the LSTM's output after the last word, inside of the decoder."""

NEXT = "next_"
"""Prefix of the new LSTM states in the files: an output can't have the name of an input."""


class ExportedModel(ABC):
    """An exported model; implements `decoding.Runtime`.

    Args:
        folder: Folder of the export.

    Attributes:
        format: Format of the networks that the class runs.

    Raises:
        RunError: The export is incomplete or broken.
    """

    format: Format

    def __init__(self, folder: Path) -> None:
        try:
            manifest = read_json(folder / MANIFEST)
            self.vocabulary = Vocabulary(manifest["words"])
            self.fruits = tuple(manifest["fruits"])
            self.image_size = int(manifest["image_size"])
            self.confidence_threshold = float(manifest["confidence_threshold"])
            self.decoder_inputs: Sequence[str] = tuple(manifest["decoder_inputs"])
            self._encoder, self._decoder = (
                self._load(folder / f"{name}.{SUFFIXES[self.format]}")
                for name in (ENCODER, DECODER)
            )
        except (DataError, KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
            reason = first_line(error, 120) or type(error).__name__
            raise RunError(f"{folder} can't be loaded ({reason}).", "export-broken") from error

    @abstractmethod
    def _load(self, path: Path) -> Any:
        """Load a network."""

    @abstractmethod
    def encoder_fn(self) -> EncodeFn:
        """Return a function from pixels to neck outputs."""

    def to_device(self, arrays: Arrays) -> Arrays:
        """Return the arrays unchanged: these runtimes read NumPy arrays."""
        return arrays

    @abstractmethod
    def decode_step(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """Run the decoder and return its outputs for the last word, see `decoding.Runtime`."""


class OnnxModel(ExportedModel):
    """An exported model that ONNX Runtime runs; takes batches of any size."""

    format = "onnx"

    def _load(self, path: Path) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors are raised as well
        if path.stem == DECODER:
            # A word is too little work to share, and idle threads would slow the encoder.
            options.intra_op_num_threads = 1
        # Loading by path would let the file name other files to read weights from.
        content = path.read_bytes()
        try:
            return onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors have no narrower base class
            raise ValueError(str(error)) from error

    def encoder_fn(self) -> EncodeFn:
        """Return a function from pixels to neck outputs."""
        return lambda pixels: _run_onnx(self._encoder, {"pixels": pixels})

    def decode_step(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """Run the decoder and return its outputs for the last word, see `decoding.Runtime`."""
        return _rename(_run_onnx(self._decoder, inputs))


class LiteRTModel(ExportedModel):
    """An exported model that LiteRT runs, one photo, question and word at a time."""

    format = "litert"

    def _load(self, path: Path) -> Any:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise RunError(f"{path} needs LiteRT: pip install 'fruit-caption[litert]'.") from None
        with silence_stderr():  # it logs which delegate it creates
            return Interpreter(str(path), num_threads=os.cpu_count()).get_signature_runner()

    def encoder_fn(self) -> EncodeFn:
        """Return a function from pixels to neck outputs; it encodes photo by photo."""
        return lambda pixels: _concatenate(
            [self._encoder(pixels=photo[None]) for photo in pixels], 0
        )

    def decode_step(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """Run the decoder and return its outputs for the last word, see `decoding.Runtime`."""
        photos, questions, _ = inputs["words"].shape
        outputs = [
            _concatenate([self._decode(inputs, photo, index) for index in range(questions)], 1)
            for photo in range(photos)
        ]
        return _concatenate(outputs, 0)

    def _decode(self, inputs: Mapping[str, np.ndarray], photo: int, question: int) -> Arrays:
        """Return the outputs after the last word of one question, with batch dimensions of 1."""
        arrays = {name: inputs[name][photo : photo + 1] for name in self.decoder_inputs}
        for name in STATES:
            # All questions about a photo may share one initial state.
            index = question if arrays[name].shape[1] > 1 else 0
            arrays[name] = arrays[name][:, index : index + 1]
        words = inputs["words"][photo, question]
        for word in words[: max(1, np.count_nonzero(words))]:
            outputs = _rename(self._decoder(**arrays, words=np.full((1, 1, 1), word, "int32")))
            arrays |= {name: outputs[name] for name in STATES}
        return outputs


MODELS: dict[Format, type[OnnxModel | LiteRTModel]] = {"onnx": OnnxModel, "litert": LiteRTModel}
"""Class for each format. If a run has several exports, the first format is used."""


def current(run: Run) -> ExportedModel | None:
    """Load the export of a run if it has one that matches its model.

    Args:
        run: The run.

    Returns:
        The exported model, or None if there is no export or only outdated ones.

    Raises:
        RunError: The export is incomplete or broken.
    """
    for format, model in MODELS.items():
        folder = run.export_folder(format)
        if (folder / MANIFEST).is_file() and _matches(folder, run.model_file):
            return model(folder)
    return None


def _matches(folder: Path, model_file: Path) -> bool:
    """Return whether an export was made from a model file; True if there is no model file."""
    if not model_file.is_file():
        return True
    try:
        return bool(read_json(folder / MANIFEST).get("model") == file_sha256(model_file))
    except DataError:
        return False


def _run_onnx(session: Any, inputs: Mapping[str, np.ndarray]) -> Arrays:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def _rename(outputs: Mapping[str, np.ndarray]) -> Arrays:
    return {name.removeprefix(NEXT): array for name, array in outputs.items()}


def _concatenate(parts: Sequence[Arrays], axis: int) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts], axis) for name in parts[0]}
