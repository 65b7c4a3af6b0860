"""Pretrained networks as encoders: where they are tapped, how pixels enter, whose weights.

Any network of `keras.applications` will do. It is tapped at its two coarsest scales, usually 16
and 32 pixels a cell: the finer tells where things are and the coarser what they are (Lin et al.
2017, "Feature Pyramid Networks"). Where other layers do better, a row of `NETWORKS` names them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
from keras import layers, ops

from fruit_caption.models.efficientnet_lite import efficientnet_lite0
from fruit_caption.models.surgery import Parts, split_frozen
from fruit_caption.utils.errors import WeightsError


@dataclass(frozen=True)
class Network:
    """Where a network comes from and where it is tapped.

    Attributes:
        build: as the functions of `keras.applications`; `None` looks the name up there.
        taps: names of layers, the finest grid first; `None` takes the two coarsest scales.
    """

    build: Callable[..., keras.Model] | None = None
    taps: tuple[str, ...] | None = None


NETWORKS = {
    "vgg16": Network(taps=("block4_pool",)),
    "efficientnet-lite0": Network(efficientnet_lite0, ("block10", "block15")),
}


def network_names() -> list[str]:
    """The names that `pretrained` takes."""
    return [*NETWORKS, *sorted(name for name in _theirs() if name.lower() not in NETWORKS)]


@keras.saving.register_keras_serializable("fruit_caption")
class Preprocessing(layers.Layer):
    """The preprocessing of a network as a layer, so that a saved model takes plain pixels.

    All that `preprocess_input` functions do (scaling, shifting, swapping channels) is affine: a
    pixel times a matrix plus a vector. Maps (..., 3) to (..., 3).

    Args:
        matrix: (3, 3).
        offset: (3,).
    """

    def __init__(self, matrix: list[list[float]], offset: list[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.matrix, self.offset = matrix, offset

    @classmethod
    def measured(cls, function: Callable[..., Any]) -> Preprocessing:
        """The layer that does what a function does to black and to the three pure colors."""
        black, *colors = np.vstack([np.zeros((1, 3)), np.eye(3)]).astype("float32") * 255
        offset = function(black.copy()[None, None, None])[0, 0, 0]
        rows = [function(color.copy()[None, None, None])[0, 0, 0] - offset for color in colors]
        return cls((np.stack(rows) / 255).tolist(), offset.tolist(), name="preprocessing")

    def call(self, pixels: keras.KerasTensor) -> keras.KerasTensor:
        """Pixels (..., 3) as the network's weights expect them, float (..., 3)."""
        matrix = ops.convert_to_tensor(self.matrix, dtype=self.compute_dtype)
        offset = ops.convert_to_tensor(self.offset, dtype=self.compute_dtype)
        return ops.matmul(ops.cast(pixels, self.compute_dtype), matrix) + offset

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the pixels."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What the layer is made of, for a saved model: matrix, offset, and what Keras adds."""
        return super().get_config() | {"matrix": self.matrix, "offset": self.offset}


def pretrained(name: str, size: int, weights: str, unfreeze: int = 0) -> Parts:
    """A network up to its taps, in two parts.

    Args:
        name: one of `network_names`, in capitals or not.
        size: side of the pictures in pixels.
        weights: "imagenet" (downloaded by Keras); the path of a file, which is of the part up to
            the taps or of the whole network without its classifier, as Keras writes it
            (`.weights.h5`) or as arrays named `layer/weight` (`.npz`); "none", to learn all from
            nothing; or "saved", if they are going to be filled in.
        unfreeze: how many of the last stages learn; a stage is the layers of one grid. Batch
            normalization does not: batches are small, and its figures are ImageNet's.

    Returns:
        what is frozen, from uint8 pixels (batch, size, size, 3), and what learns from what that
        gives, or from pixels; `None` for one that there is not. In the end there are features
        (batch, rows, columns, channels): the taps side by side, on the grid of the finest.

    Raises:
        WeightsError: the name is not known, or its weights can't be downloaded, found or loaded.
    """
    network, preprocess = _build(name, size, weights)
    taps = _tapped(network, name)
    cut = keras.Model(network.input, [tap.output for tap in taps], name=f"{network.name}_cut")
    if weights not in ("imagenet", "none", "saved"):
        _load_weights(cut, network, Path(weights), name)
    if weights != "none":
        _freeze(cut, unfreeze)
    frozen, learning = split_frozen(cut)
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    seen = Preprocessing.measured(preprocess)(pixels)
    if learning is None:
        return keras.Model(pixels, _side_by_side(cut(seen)), name=network.name), None
    if frozen is None:
        return None, keras.Model(pixels, _side_by_side(learning(seen)), name=network.name)
    seen = frozen(seen)
    given = keras.Input(seen.shape[1:], name="features")
    return (
        keras.Model(pixels, seen, name=network.name),
        keras.Model(given, _side_by_side(learning(given)), name=f"{network.name}_learning"),
    )


def _row(name: str) -> Network:
    return NETWORKS.get(name.lower(), Network())


def _theirs() -> dict[str, Callable[..., Any]]:
    """The functions of `keras.applications` by their names."""
    members = vars(keras.applications).items()
    return {name: member for name, member in members if name[0].isupper() and callable(member)}


def _build(name: str, size: int, weights: str) -> tuple[keras.Model, Callable[..., Any]]:
    """The network without its classifier, and its preprocessing."""
    row = _row(name)
    if row.build:
        if weights == "imagenet":
            raise WeightsError(
                f"Keras has no weights of {name} to download.", "weights-file-needed"
            )
        return row.build((size, size, 3)), sys.modules[row.build.__module__].preprocess_input
    theirs = {known.lower(): function for known, function in _theirs().items()}
    if name.lower() not in theirs:
        raise WeightsError(
            f"There is no encoder {name!r}; there are scratch and {', '.join(network_names())}."
        )
    build = theirs[name.lower()]
    wanted = "imagenet" if weights == "imagenet" else None
    try:
        network = build(weights=wanted, include_top=False, input_shape=(size, size, 3))
    except ValueError as error:  # a size that the network can't take
        raise WeightsError(f"{name} can't be built for {size} pixels: {error}") from error
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise WeightsError(
            f"The ImageNet weights of {name} can't be downloaded (no internet?).",
            "weights-not-downloadable",
        ) from error
    return network, sys.modules[build.__module__].preprocess_input


def _tapped(network: keras.Model, name: str) -> list[keras.Layer]:
    row = _row(name)
    if row.taps:
        return [network.get_layer(tap) for tap in row.taps]
    last = network.layers[-1]
    finer = [layer for layer in network.layers if _grid(layer) > _grid(last)]
    return [*finer[-1:], last]


def _grid(layer: keras.Layer) -> int:
    """Rows of what a layer gives; 0 if that is no grid, or one with a margin."""
    shape: tuple[int, ...] = getattr(layer.output, "shape", ())
    return 0 if len(shape) != 4 or isinstance(layer, layers.ZeroPadding2D) else shape[1]


def _freeze(cut: keras.Model, unfreeze: int) -> None:
    """Let only the last stages learn."""
    grid, stages = 0, 0
    for layer in reversed(cut.layers):
        if layer.weights and _grid(layer) > grid:
            grid, stages = _grid(layer), stages + 1
        layer.trainable = stages <= unfreeze and not isinstance(layer, layers.BatchNormalization)


def _side_by_side(scales: Any) -> keras.KerasTensor:
    """All scales on the grid of the first, (batch, rows, columns, sum of channels)."""
    if not isinstance(scales, list):
        return scales
    finest = scales[0]
    rows, columns = finest.shape[1:3]
    others = [
        layers.Resizing(rows, columns, name=f"scale_{n}")(x) for n, x in enumerate(scales[1:])
    ]
    return layers.Concatenate(name="scales")([finest, *others])


def _load_weights(cut: keras.Model, network: keras.Model, path: Path, name: str) -> None:
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file.")
    if path.suffix == ".npz":
        return _load_arrays(cut, path, name)
    for model in (cut, network):
        # Keras only warns of layers that the file lacks, and leaves their weights random.
        with suppress(ValueError, OSError, KeyError, UserWarning), warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
            return
    raise WeightsError(
        f"{path} does not hold {name}'s weights; it needs those of the layers up to "
        f"{cut.layers[-1].name}, "
        "as Keras's save_weights writes them (….weights.h5)."
    )


def _load_arrays(cut: keras.Model, path: Path, name: str) -> None:
    """Fill a model from arrays named `layer/weight`; a slash may stand for an underscore."""
    try:
        with np.load(path) as arrays:
            found = {key.replace("/", "_"): arrays[key] for key in arrays.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise WeightsError(f"{path} is no file of arrays (.npz): {error}") from error
    for layer in cut.layers:
        for weight in layer.weights:
            array = found.get(f"{layer.name}_{weight.name}")
            if array is None or array.shape != tuple(weight.shape):
                has = "it is missing" if array is None else f"it is {array.shape}"
                raise WeightsError(
                    f"{path} does not hold {name}'s weights: {layer.name}/{weight.name} must be "
                    f"{tuple(weight.shape)}, {has}."
                )
            weight.assign(array)
