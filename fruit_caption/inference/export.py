"""`fruit export`: a trained model in a form that is asked without TensorFlow, see `exported`.

The model is cut where answering cuts it: what a photo shows is worked out once, by the encoder and
the eye; then the decoder takes a step for each word. ONNX takes any number of photos, questions
and words at a time. LiteRT keeps to its built-in operators only where nothing loops and all shapes
are known: it takes one of each.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras

from fruit_caption.inference.exported import DECODER, ENCODER, ENDINGS, MANIFEST, NEXT, Format
from fruit_caption.models.captioner import Captioner, after_last_word
from fruit_caption.models.surgery import fuse_batch_norm
from fruit_caption.runs import Run
from fruit_caption.utils.errors import FruitError, RunError
from fruit_caption.utils.files import atomic_write, digest, lock_folder, write_json


def export(run: Run, form: Format, bits: int = 32) -> Path:
    """Export the model of a run.

    Args:
        run: a finished run.
        form: "onnx" or "litert".
        bits: number of bits of each stored weight, 32 or 16.

    Returns:
        the folder in the run's that holds the export.

    Raises:
        RunError: there is no such run, or what converts models is not installed or too old.
        FruitError: weights can't have so many bits.
        FruitError: another process exports there, or the folder can't be written to.
    """
    if bits not in (32, 16):
        raise FruitError(f"Weights can have 32 or 16 bits, not {bits}.")
    model = run.load_model()
    out = run.export_folder(form)
    with lock_folder(out):
        _export(model, run.model_file, out, form, bits)
    return out


def _export(model: Captioner, file: Path, out: Path, form: Format, bits: int) -> None:
    single = form == "litert"
    with ExitStack() as drafts:
        for part, network in (
            (ENCODER, encoder_network(model, single)),
            (DECODER, decoder_network(model, single)),
        ):
            draft = drafts.enter_context(atomic_write(out / f"{part}.{ENDINGS[form]}"))
            _convert(network, form, bits, draft)
        # What it says is true only once both parts are there.
        (out / MANIFEST).unlink(missing_ok=True)
    write_json(
        out / MANIFEST,
        {
            "model": digest(file),
            "image_size": model.image_size,
            "confidence_threshold": model.confidence_threshold,
            "decoder_inputs": list(model.decoder_inputs),
            "fruits": list(model.fruits),
            "words": list(model.vocabulary.words),
        },
    )


def encoder_network(model: Captioner, single: bool = False) -> keras.Model:
    """Encoder and eye in one, from `pixels` on, as they are once training is over.

    Args:
        model: whose they are.
        single: whether it takes one photo at a time.
    """
    pixels = _input(model.encoder.input, "pixels", single)
    features = fuse_batch_norm(model.encoder)(pixels, training=False)
    return keras.Model(pixels, model.neck(features, training=False), name=ENCODER)


def decoder_network(model: Captioner, single: bool = False) -> keras.Model:
    """The decoder, with other names for the states that it gives than for those it takes.

    Args:
        model: whose decoder it is; its LSTM takes words one at a time from now on, if `single`.
        single: whether it takes one word of one question about one photo at a time.
    """
    inputs = {name: _input(given, name, single) for name, given in model.decoder.input.items()}
    model.decoder.get_layer("speak").lstm.unroll = single
    # The decoder's own layers, called anew: as a model in a model it would keep its free shapes.
    said = after_last_word(model.decoder, inputs).output
    outputs = {f"{NEXT}{name}" if name in inputs else name: one for name, one in said.items()}
    return keras.Model(inputs, outputs, name=DECODER)


def _input(like: keras.KerasTensor, name: str, single: bool) -> keras.KerasTensor:
    shape = [length or 1 for length in like.shape] if single else like.shape
    return keras.Input(batch_shape=shape, dtype=like.dtype, name=name)


def _convert(network: keras.Model, form: Format, bits: int, path: Path) -> None:
    if form == "onnx":
        try:
            import tf2onnx  # noqa: F401  (what Keras exports with)
        except ImportError:
            raise RunError(
                "Exporting to ONNX needs tf2onnx: pip install 'fruit-caption[export]'."
            ) from None
    elif not converts_to_litert():
        raise RunError(
            f"Exporting to LiteRT needs Keras 3.13, which needs Python 3.11; this is Keras "
            f"{keras.__version__}.",
            "litert-unavailable",
        )
    # Keras exports only what was called.
    network(keras.tree.map_structure(_blank, network.input))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about NumPy's and protobuf's older names
        network.export(
            path,
            format=form,
            verbose=False,
            input_signature=[keras.tree.map_structure(_spec, network.input)],
            **(_converter(bits) if form == "litert" else {}),
        )
    if form == "onnx" and bits == 16:
        from fruit_caption.inference.half_precision import store_float16

        store_float16(path)


def converts_to_litert() -> bool:
    """Whether this release of Keras exports to LiteRT: the last for Python 3.10 doesn't."""
    major, minor, *_ = keras.__version__.split(".")
    return (int(major), int(minor)) >= (3, 13)


def _converter(bits: int) -> dict[str, Any]:
    """Settings of TensorFlow's converter to LiteRT."""
    if bits == 32:
        return {}
    import tensorflow as tf

    spec = {"target_spec": {"supported_types": [tf.float16]}} if bits == 16 else {}
    return {"optimizations": [tf.lite.Optimize.DEFAULT], **spec}


def _blank(given: keras.KerasTensor) -> Any:
    """Zeros in the place of an input, one where any number may be."""
    return keras.ops.zeros([length or 1 for length in given.shape], given.dtype)


def _spec(given: keras.KerasTensor) -> keras.InputSpec:
    return keras.InputSpec(shape=given.shape, dtype=given.dtype, name=given.name)
