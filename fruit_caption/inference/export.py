"""Exports trained models to ONNX and LiteRT, to run without TensorFlow (see `exported`).

An export has two networks: the encoder with the neck, which runs once for a photo, and one step of
the decoder, which runs for each word. The ONNX networks take any number of photos, questions and
words. The LiteRT networks take one of each, because LiteRT's built-in operators need fixed shapes
and no loops.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras

from fruit_caption.inference.exported import (
    DECODER,
    ENCODER,
    HIDDEN,
    MANIFEST,
    NEXT,
    STATES,
    SUFFIXES,
    Format,
)
from fruit_caption.models.captioner import Captioner, build_step_decoder
from fruit_caption.models.fusion import fuse_batch_norm
from fruit_caption.runs import Run
from fruit_caption.utils.errors import FruitError, RunError
from fruit_caption.utils.files import atomic_write, file_sha256, lock_folder, write_json


def export(run: Run, format: Format, bits: int = 32) -> Path:
    """Export the model of a run.

    Args:
        run: A finished run.
        format: "onnx" or "litert".
        bits: Number of bits per stored weight, 32 or 16.

    Returns:
        The folder of the export, inside the run folder.

    Raises:
        RunError: There is no such run, Keras does not run on TensorFlow, or the converter is
            missing or too old.
        FruitError: The number of bits is not supported, another process is exporting to this
            folder, or the folder can't be written to.
    """
    if bits not in (32, 16):
        raise FruitError(f"Weights can have 32 or 16 bits, not {bits}.")
    if keras.backend.backend() != "tensorflow":
        raise RunError(
            f"Exporting needs the TensorFlow backend of Keras; this is {keras.backend.backend()}."
        )
    _check_converter(format)
    model = run.load_model()
    out = run.export_folder(format)
    with lock_folder(out):
        with ExitStack() as stack:
            paths = (out / f"{name}.{SUFFIXES[format]}" for name in (ENCODER, DECODER))
            encoder, decoder = (stack.enter_context(atomic_write(path)) for path in paths)
            if format == "onnx":
                _write_onnx(model, encoder, decoder, bits)
            else:
                _write_litert(model, encoder, decoder, bits)
            # The manifest is valid only when both new files are in place.
            (out / MANIFEST).unlink(missing_ok=True)
        write_json(
            out / MANIFEST,
            {
                "model": file_sha256(run.model_file),
                "image_size": model.image_size,
                "confidence_threshold": model.confidence_threshold,
                "decoder_inputs": list(model.decoder_inputs),
                "fruits": list(model.fruits),
                "words": list(model.vocabulary.words),
            },
        )
    return out


def encoder_network(model: Captioner, single: bool = False) -> keras.Model:
    """Build the network from `pixels` to the outputs of the neck, in inference mode.

    Args:
        model: A trained model.
        single: Whether the network takes exactly one photo instead of a batch.
    """
    pixels = _input(model.encoder.input, "pixels", single)
    features = fuse_batch_norm(model.encoder)(pixels, training=False)
    return keras.Model(pixels, model.neck(features, training=False), name=ENCODER)


def one_word_network(model: Captioner) -> keras.Model:
    """Build the network for one step of the decoder: one word of one question about one photo.

    Its LSTM states have new names.

    Args:
        model: A trained model. Its LSTM is unrolled from now on.
    """
    inputs = {name: _input(tensor, name, True) for name, tensor in model.decoder.input.items()}
    model.decoder.get_layer("lstm").lstm.unroll = True
    # Calls the layers anew: nesting the decoder as a model would keep its dynamic shapes.
    outputs = build_step_decoder(model.decoder, inputs).output
    renamed = {f"{NEXT}{name}" if name in inputs else name: x for name, x in outputs.items()}
    return keras.Model(inputs, renamed, name=DECODER)


def words_network(decoder: keras.Model) -> keras.Model:
    """Build the part of a decoder that comes after its LSTM.

    It maps `hidden`, the output of the LSTM after the last word, (photos, questions, 1, units), and
    the other inputs of the decoder to its outputs other than the states.

    Args:
        decoder: The decoder of a captioner.
    """
    sequence, *_ = decoder.get_layer("lstm").output
    tensors = {name: x for name, x in decoder.input.items() if name not in ("words", *STATES)}
    outputs = {name: x for name, x in decoder.output.items() if name not in STATES}
    rest = keras.Model([sequence, *tensors.values()], outputs)
    inputs = {HIDDEN: keras.Input((None, 1, sequence.shape[-1]), name=HIDDEN)}
    inputs |= {name: _input(tensor, name, False) for name, tensor in tensors.items()}
    return keras.Model(inputs, rest(list(inputs.values())), name=DECODER)


def converts_to_litert() -> bool:
    """Return whether this version of Keras can export to LiteRT; the last for Python 3.10 can't."""
    major, minor, *_ = keras.__version__.split(".")
    return (int(major), int(minor)) >= (3, 13)


def _input(like: keras.KerasTensor, name: str, single: bool) -> keras.KerasTensor:
    shape = [length or 1 for length in like.shape] if single else like.shape
    return keras.Input(batch_shape=shape, dtype=like.dtype, name=name)


def _check_converter(format: Format) -> None:
    if format == "onnx" and find_spec("tf2onnx") is None:  # Keras exports to ONNX with it
        raise RunError("Exporting to ONNX needs tf2onnx: pip install 'fruit-caption[export]'.")
    if format == "litert" and not converts_to_litert():
        raise RunError(
            f"Exporting to LiteRT needs Keras 3.13, which needs Python 3.11; this is Keras "
            f"{keras.__version__}.",
            "litert-unavailable",
        )


def _write_onnx(model: Captioner, encoder: Path, decoder: Path, bits: int) -> None:
    from fruit_caption.inference.half_precision import store_float16
    from fruit_caption.inference.onnx_lstm import prepend_lstm

    _convert(encoder_network(model), encoder, "onnx")
    _convert(words_network(model.decoder), decoder, "onnx")
    prepend_lstm(decoder, model.decoder)
    if bits == 16:
        for path in (encoder, decoder):
            store_float16(path)


def _write_litert(model: Captioner, encoder: Path, decoder: Path, bits: int) -> None:
    options = _litert_options(bits)
    _convert(encoder_network(model, single=True), encoder, "litert", **options)
    _convert(one_word_network(model), decoder, "litert", **options)


def _convert(network: keras.Model, path: Path, format: Format, **options: Any) -> None:
    # Keras can export a model only after a call.
    network(keras.tree.map_structure(_zeros, network.input))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated names of NumPy and protobuf
        network.export(
            path,
            format=format,
            verbose=False,
            input_signature=[keras.tree.map_structure(_spec, network.input)],
            **options,
        )


def _litert_options(bits: int) -> dict[str, Any]:
    if bits == 32:
        return {}
    import tensorflow as tf

    return {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "target_spec": {"supported_types": [tf.float16]},
    }


def _zeros(tensor: keras.KerasTensor) -> Any:
    return keras.ops.zeros([length or 1 for length in tensor.shape], tensor.dtype)


def _spec(tensor: keras.KerasTensor) -> keras.InputSpec:
    return keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
