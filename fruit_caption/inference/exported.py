"""Exported models: asked without TensorFlow, which takes longer to start than to answer.

    RUN/onnx/encoder.onnx      pixels to what the eye gives
    RUN/onnx/decoder.onnx     a step of the decoder
    RUN/onnx/model.json     the rest of a model: words, fruits, image size, confidence_threshold; and which
                            model.keras it was made of, so that an old export is not asked

`exporting` makes them; with LiteRT it is `litert` and `.tflite` instead.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.decoding import EncodeFn, Encoding
from fruit_caption.runs import Run
from fruit_caption.utils.errors import DataError, RunError
from fruit_caption.utils.files import digest, read_json
from fruit_caption.utils.startup import hold_back_stderr

Format = Literal["onnx", "litert"]
ENDINGS: dict[Format, str] = {"onnx": "onnx", "litert": "tflite"}
ENCODER, DECODER, MANIFEST = "encoder", "decoder", "model.json"
STATES = ("state_h", "state_c")
NEXT = "next_"
"""Begins the names of the decoder's new states, which may not be those of its inputs."""


class Exported(ABC):
    """What every exported model is, see `decoding.Runtime`; how to run it is the subclass's.

    Args:
        folder: that `exporting.export` wrote.

    Raises:
        RunError: it is not whole.
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
            self._open(*(folder / f"{part}.{ENDINGS[self.format]}" for part in (ENCODER, DECODER)))
        except (DataError, KeyError, TypeError, ValueError, OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
            raise RunError(f"{folder} can't be loaded ({reason}).", "export-broken") from error

    @abstractmethod
    def _open(self, look: Path, speak: Path) -> None:
        """Open the two files."""

    @abstractmethod
    def encoder_fn(self) -> EncodeFn:
        """A function that looks at pixels."""

    def to_device(self, known: Encoding) -> Encoding:
        """The same: what reads them reads them where they are."""
        return known

    @abstractmethod
    def decode_step(self, known: Mapping[str, np.ndarray]) -> Encoding:
        """What the decoder gives after the last of `words`, see `decoding.Runtime.step`."""


class OnnxModel(Exported):
    """A model for ONNX Runtime."""

    format = "onnx"

    def _open(self, look: Path, speak: Path) -> None:
        self._eye, self._decoder = _session(look), _session(speak)

    def encoder_fn(self) -> EncodeFn:
        """A function that looks at any number of photos at a time."""
        return lambda pixels: _run(self._eye, {"pixels": pixels})

    def decode_step(self, known: Mapping[str, np.ndarray]) -> Encoding:
        """What the decoder gives, for any number of photos, questions and words at a time."""
        said = _run(self._decoder, known)
        return {name.removeprefix(NEXT): array for name, array in said.items()}


class LiteRTModel(Exported):
    """A model for LiteRT, which takes one photo, question and word at a time."""

    format = "litert"

    def _open(self, look: Path, speak: Path) -> None:
        self._eye, self._decoder = _runner(look), _runner(speak)

    def encoder_fn(self) -> EncodeFn:
        """A function that looks at one photo after the other."""
        return lambda pixels: _joined([self._eye(pixels=photo[None]) for photo in pixels], 0)

    def decode_step(self, known: Mapping[str, np.ndarray]) -> Encoding:
        """What the decoder gives after the last word of each question, one after the other."""
        photos, questions, _ = known["words"].shape
        said = [
            _joined([self._read(known, photo, place) for place in range(questions)], 1)
            for photo in range(photos)
        ]
        return _joined(said, 0)

    def _read(self, known: Mapping[str, np.ndarray], photo: int, place: int) -> Encoding:
        """What it gives after the last word of one question."""
        given = {name: known[name][photo : photo + 1] for name in self.decoder_inputs}
        for name in STATES:
            # All questions about a photo may start from one state.
            start = place if given[name].shape[1] > 1 else 0
            given[name] = given[name][:, start : start + 1]
        words = known["words"][photo, place]
        for word in words[: max(1, np.count_nonzero(words))]:
            said = self._decoder(**given, words=np.full((1, 1, 1), word, "int32"))
            said = {name.removeprefix(NEXT): array for name, array in said.items()}
            given |= {name: said[name] for name in STATES}
        return said


MODELS: dict[Format, type[OnnxModel | LiteRTModel]] = {"onnx": OnnxModel, "litert": LiteRTModel}
"""The first that a run has is asked."""


def current(run: Run) -> Exported | None:
    """The export of a run's model, as that is now; `None` where there is none.

    Raises:
        RunError: it is not whole.
    """
    for form, model in MODELS.items():
        folder = run.export_folder(form)
        if (folder / MANIFEST).is_file() and _is_of(folder, run.model_file):
            return model(folder)
    return None


def _is_of(folder: Path, model: Path) -> bool:
    """Whether a folder holds an export of a model file; of one that isn't there, it does."""
    if not model.is_file():
        return True
    try:
        return bool(read_json(folder / MANIFEST).get("model") == digest(model))
    except DataError:
        return False


def _session(path: Path) -> Any:
    import onnxruntime

    quietly = onnxruntime.SessionOptions()
    quietly.log_severity_level = 4  # what is wrong is raised, too
    content = path.read_bytes()  # by its path, weights would be read from any file that it names
    try:
        return onnxruntime.InferenceSession(content, quietly, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own have no narrower base
        raise ValueError(str(error)) from error


def _run(session: Any, given: Mapping[str, np.ndarray]) -> Encoding:
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(given)), strict=True))


def _runner(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise RunError(f"{path} needs LiteRT: pip install 'fruit-caption[litert]'.") from None
    with hold_back_stderr():  # it tells which delegate it has made
        return Interpreter(str(path), num_threads=os.cpu_count()).get_signature_runner()


def _joined(parts: Sequence[Encoding], axis: int) -> Encoding:
    return {name: np.concatenate([part[name] for part in parts], axis) for name in parts[0]}
