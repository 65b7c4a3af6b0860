"""Encoders from pretrained networks.

Any network of `keras.applications` can be used. Features are taken from its three coarsest scales,
usually 8, 16 and 32 pixels per cell: the finer ones locate objects and the coarser ones identify
them (Lin et al. 2017, "Feature Pyramid Networks"). Entries of `NETWORKS` add networks or override
the layers that the features are taken from.
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
from fruit_caption.utils.errors import WeightsError

NUM_SCALES = 3
"""Number of scales that features are taken from."""


@dataclass(frozen=True)
class Network:
    """How to build a network and which of its layers give the features.

    Attributes:
        build: Constructor with the arguments of those in `keras.applications`. None looks the
            name up there.
        taps: Names of the layers whose outputs are the features, finest grid first. None takes
            the three coarsest scales.
    """

    build: Callable[..., keras.Model] | None = None
    taps: tuple[str, ...] | None = None


NETWORKS = {
    "vgg16": Network(taps=("block3_pool", "block4_pool")),
    "efficientnet-lite0": Network(efficientnet_lite0, ("block4", "block10", "block15")),
}


def network_names() -> list[str]:
    """Return the names that `build_pretrained` accepts."""
    return [*NETWORKS, *sorted(name for name in _applications() if name.lower() not in NETWORKS)]


@keras.saving.register_keras_serializable("fruit_caption")
class Preprocessing(layers.Layer):
    """The `preprocess_input` function of a network as a layer, saved with the model.

    All such functions (scaling, shifting, swapping channels) are affine: pixel times matrix plus
    offset. Maps pixels (..., 3) to float (..., 3).

    Args:
        matrix: Matrix (3, 3) that multiplies each pixel.
        offset: Offset (3,) that is added.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def __init__(self, matrix: list[list[float]], offset: list[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.matrix, self.offset = matrix, offset

    @classmethod
    def from_function(cls, function: Callable[..., Any]) -> Preprocessing:
        """Build the layer from a function's outputs for black, red, green and blue pixels."""
        black, *colors = np.vstack([np.zeros((1, 3)), np.eye(3)]).astype("float32") * 255
        offset = function(black.copy()[None, None, None])[0, 0, 0]
        rows = [function(color.copy()[None, None, None])[0, 0, 0] - offset for color in colors]
        return cls((np.stack(rows) / 255).tolist(), offset.tolist(), name="preprocessing")

    def call(self, pixels: keras.KerasTensor) -> keras.KerasTensor:
        """Preprocess pixels (..., 3)."""
        matrix = ops.convert_to_tensor(self.matrix, dtype=self.compute_dtype)
        offset = ops.convert_to_tensor(self.offset, dtype=self.compute_dtype)
        return ops.matmul(ops.cast(pixels, self.compute_dtype), matrix) + offset

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return super().get_config() | {"matrix": self.matrix, "offset": self.offset}


def build_pretrained(name: str, size: int, weights: str, freeze: bool = False) -> keras.Model:
    """Build an encoder from a pretrained network.

    Batch normalization always stays frozen, unless the weights are random: batches are too small
    to replace ImageNet's statistics.

    Args:
        name: One of `network_names`, case-insensitive.
        size: Side of the input image in pixels.
        weights: "imagenet" to let Keras download them; the path of a weights file; "none" for
            random weights, all trainable; or "saved" for weights that are loaded later. A file
            holds the weights of the layers up to the features, or of the whole network without
            its classifier, as Keras's `save_weights` writes them (`.weights.h5`) or as arrays
            named `layer/weight` (`.npz`). A folder holds such files of several networks, named
            after them in lower case, such as `vgg16.weights.h5`.
        freeze: Whether all of it stays as it is. Random weights are always trained.

    Returns:
        Model from uint8 pixels (batch, size, size, 3) to the features `fine`, the finest scale, and
        `coarse`, the others resized to the second finest and concatenated.

    Raises:
        WeightsError: The network is unknown or can't be built for this size, or its weights can't
            be downloaded, found or loaded.
    """
    network, preprocess = _build_network(name, size, weights)
    taps = [layer.output for layer in _tapped_layers(network, name)]
    backbone = keras.Model(network.input, taps, name=f"{network.name}_backbone")
    if weights not in ("imagenet", "none", "saved"):
        _load_weights(backbone, network, Path(weights), name)
    if weights != "none":
        for layer in backbone.layers:
            is_norm = isinstance(layer, layers.BatchNormalization)
            layer.trainable = not (freeze or is_norm)
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    fine, *coarser = backbone(Preprocessing.from_function(preprocess)(pixels))
    features = {"coarse": _concatenate_scales(coarser), "fine": fine}
    return keras.Model(pixels, features, name=network.name)


def _spec(name: str) -> Network:
    return NETWORKS.get(name.lower(), Network())


def _applications() -> dict[str, Callable[..., Any]]:
    """Constructors in `keras.applications` by name."""
    members = vars(keras.applications).items()
    return {name: member for name, member in members if name[0].isupper() and callable(member)}


def _build_network(name: str, size: int, weights: str) -> tuple[keras.Model, Callable[..., Any]]:
    """Build a network without its classifier; return it and its preprocessing function."""
    shape = (size, size, 3)
    if build := _spec(name).build:
        if weights == "imagenet":
            raise WeightsError(
                f"Keras has no weights of {name} to download.", "weights-file-needed"
            )
        return build(shape), sys.modules[build.__module__].preprocess_input
    applications = {known.lower(): build for known, build in _applications().items()}
    if name.lower() not in applications:
        raise WeightsError(
            f"There is no encoder {name!r}. Available: scratch, {', '.join(network_names())}."
        )
    build = applications[name.lower()]
    try:
        network = build(
            weights="imagenet" if weights == "imagenet" else None,
            include_top=False,
            input_shape=shape,
        )
    except ValueError as error:
        raise WeightsError(f"{name} can't be built for {size} pixels: {error}") from error
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise WeightsError(
            f"The ImageNet weights of {name} can't be downloaded (no internet?).",
            "weights-not-downloadable",
        ) from error
    return network, sys.modules[build.__module__].preprocess_input


def _tapped_layers(network: keras.Model, name: str) -> list[keras.Layer]:
    """The layers that the features are taken from, finest grid first."""
    if taps := _spec(name).taps:
        return [network.get_layer(tap) for tap in taps]
    last_of_grid = {_grid_rows(network.layers[-1]): network.layers[-1]}
    for layer in reversed(network.layers):
        if _grid_rows(layer) > max(last_of_grid):
            last_of_grid[_grid_rows(layer)] = layer
    return list(last_of_grid.values())[:NUM_SCALES][::-1]


def _grid_rows(layer: keras.Layer) -> int:
    """Rows of a layer's output grid; 0 if the output is not a grid or is zero-padded."""
    shape: tuple[int, ...] = getattr(layer.output, "shape", ())
    return 0 if len(shape) != 4 or isinstance(layer, layers.ZeroPadding2D) else shape[1]


def _concatenate_scales(scales: list[keras.KerasTensor]) -> keras.KerasTensor:
    """Resize all scales to the first one's grid and concatenate their channels."""
    finest, *coarser = scales
    if not coarser:
        return finest
    resized = [
        layers.Resizing(*finest.shape[1:3], name=f"scale_{number}")(scale)
        for number, scale in enumerate(coarser)
    ]
    return layers.Concatenate(name="scales")([finest, *resized])


def _load_weights(backbone: keras.Model, network: keras.Model, path: Path, name: str) -> None:
    """Load a file with the weights of `backbone` or of the whole `network`."""
    if path.is_dir():
        path = _file_in_folder(path, name)
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file.")
    if path.suffix == ".npz":
        return _load_arrays(backbone, path, name)
    for model in (backbone, network):
        # Keras only warns about layers that the file lacks, and leaves their weights random.
        with suppress(ValueError, OSError, KeyError, UserWarning), warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
            return
    raise WeightsError(
        f"{path} does not hold {name}'s weights up to layer {backbone.layers[-1].name}, as Keras's "
        "save_weights writes them (.weights.h5)."
    )


def _file_in_folder(folder: Path, name: str) -> Path:
    """The weights file of a network in a folder with those of several."""
    names = [f"{name.lower()}{suffix}" for suffix in (".weights.h5", ".npz")]
    for file in names:
        if (folder / file).is_file():
            return folder / file
    raise WeightsError(f"{folder} has no weights of {name}: neither {names[0]} nor {names[1]}.")


def _load_arrays(model: keras.Model, path: Path, name: str) -> None:
    """Load weights from arrays named `layer/weight`; a slash may replace an underscore."""
    try:
        with np.load(path) as file:
            arrays = {key.replace("/", "_"): file[key] for key in file.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise WeightsError(f"{path} is not an array file (.npz): {error}") from error
    for layer in model.layers:
        for weight in layer.weights:
            array = arrays.get(f"{layer.name}_{weight.name}")
            if array is None or array.shape != tuple(weight.shape):
                problem = "it is missing" if array is None else f"it is {array.shape}"
                raise WeightsError(
                    f"{path} does not hold {name}'s weights: {layer.name}/{weight.name} must be "
                    f"{tuple(weight.shape)}, {problem}."
                )
            weight.assign(array)
