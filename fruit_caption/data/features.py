"""Caches the outputs of a frozen encoder, or decoded pixels, in one file per augmented photo.

    CACHE/vgg16-224-14x14x512-<digest of the weights>/<digest of the photo>.npy
    CACHE/vgg16-224-14x14x512-<digest of the weights>/<digest of the photo>-<augmentation>.npy
    CACHE/pixels-224/<digest of the photo>.npy

Only photos that are not in the cache yet are encoded. An interrupted run continues where it
stopped, and all runs with the same encoder share their features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np

from fruit_caption.data.augmentation import IDENTITY, Augmentation, augment
from fruit_caption.models.surgery import fuse_batch_norm
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.files import atomic_write, file_sha256
from fruit_caption.utils.images import open_picture

FEATURES = "features"
"""Name of the cache's folder within the folder of a data set."""

BATCH = 16
"""Number of photos that are encoded at once."""

DIGITS = 32
"""Number of hexadecimal digits of a digest in a file or folder name."""

AugmentedPhoto = tuple[Path, Augmentation]
"""A picture file and its augmentation."""

FeatureFn = Callable[[np.ndarray], np.ndarray]
"""Maps uint8 pixels (photos, size, size, 3) to what is cached, one array per photo."""

StepProgress = Callable[[int, int], None]
"""Progress callback; receives the number of encoded photos, and the number to encode in all."""


def no_step_progress(done: int, total: int) -> None:
    """Progress callback that does nothing."""


def cache_features(
    encoder: keras.Model,
    photos: Sequence[AugmentedPhoto],
    size: int,
    cache: Path,
    progress: StepProgress = no_step_progress,
    engine: Engine = LOCAL,
) -> list[Path]:
    """Encode the photos that are not in the cache yet.

    Args:
        encoder: Frozen encoder from uint8 pixels (batch, size, size, 3) to features (batch, rows,
            columns, channels).
        photos: The photos and their augmentations.
        size: Side in pixels of the encoder's input.
        cache: Folder of the cache.
        progress: Called after each batch.
        engine: Runs the encoder.

    Returns:
        For each photo, a `.npy` file of float16 features (rows, columns, channels).

    Raises:
        PictureError: A photo can't be read.
        FruitError: The cache can't be written.
    """
    shape = "x".join(map(str, encoder.output_shape[1:]))
    weights = _digest(b"".join(weight.tobytes() for weight in encoder.get_weights()))
    folder = cache / f"{encoder.name}-{size}-{shape}-{weights}"
    return _fill_cache(partial(feature_fn, encoder), photos, size, folder, progress, engine)


def cache_pixels(
    photos: Sequence[AugmentedPhoto], size: int, cache: Path, engine: Engine = LOCAL
) -> list[Path]:
    """Decode the photos that are not in the cache yet, for an encoder that is not frozen.

    Args:
        photos: The photos and their augmentations.
        size: Side in pixels of the encoder's input.
        cache: Folder of the cache.
        engine: Decodes the photos.

    Returns:
        For each photo, a `.npy` file of uint8 pixels (size, size, 3).

    Raises:
        PictureError: A photo can't be read.
        FruitError: The cache can't be written.
    """
    folder = cache / f"pixels-{size}"
    return _fill_cache(_identity_fn, photos, size, folder, no_step_progress, engine)


def load_cached(files: Sequence[Path]) -> np.ndarray:
    """Load files of the cache as float16 features or uint8 pixels (photos, rows, columns, n)."""
    return np.stack([np.load(file) for file in files])


def load_pixels(photos: Sequence[Path], size: int) -> np.ndarray:
    """Load letterboxed photos, without the cache, as uint8 pixels (photos, size, size, 3).

    Raises:
        PictureError: A photo can't be read.
    """
    return _load_augmented([(photo, IDENTITY) for photo in photos], size)


def feature_fn(encoder: keras.Model) -> FeatureFn:
    """Return a function from uint8 pixels (photos, size, size, 3) to float16 features.

    It has a copy of the encoder's weights; later changes do not affect it.
    """
    fused = fuse_batch_norm(encoder)

    def encode(pixels: np.ndarray) -> np.ndarray:
        features = fused.predict_on_batch(pixels)
        # VGG16's activations reach several thousand; the largest float16 is 65504.
        return np.clip(features, -65504, 65504).astype("float16")

    return encode


def _identity_fn() -> FeatureFn:
    return lambda pixels: pixels


def _fill_cache(
    load: Callable[[], FeatureFn],
    photos: Sequence[AugmentedPhoto],
    size: int,
    folder: Path,
    progress: StepProgress,
    engine: Engine,
) -> list[Path]:
    digests = {path: file_sha256(path)[:DIGITS] for path in dict.fromkeys(p for p, _ in photos)}
    files = [folder / f"{digests[path]}{_suffix(change)}.npy" for path, change in photos]
    missing = {file: photo for file, photo in zip(files, photos, strict=True) if not file.exists()}
    items = list(missing.items())
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    done = 0
    if batches:  # Loading the encoder takes seconds.
        save = partial(_saver, load)
        for saved in engine.map_with_model(save, batches, partial(_load_batch, size)):
            done += saved
            progress(done, len(items))
    return files


def _load_batch(
    size: int, batch: Sequence[tuple[Path, AugmentedPhoto]]
) -> tuple[list[Path], np.ndarray]:
    """Return the files to write for a batch, and the pixels to encode."""
    return [file for file, _ in batch], _load_augmented([photo for _, photo in batch], size)


def _saver(load: Callable[[], FeatureFn]) -> Callable[[tuple[list[Path], np.ndarray]], int]:
    """Return a function that encodes and saves a batch and returns the number of its photos."""
    encode = load()

    def save(batch: tuple[list[Path], np.ndarray]) -> int:
        files, pixels = batch
        for file, features in zip(files, encode(pixels), strict=True):
            with atomic_write(file) as draft:
                np.save(draft, features)
        return len(files)

    return save


def _load_augmented(photos: Sequence[AugmentedPhoto], size: int) -> np.ndarray:
    return np.stack([augment(open_picture(path), change, size) for path, change in photos])


def _suffix(augmentation: Augmentation) -> str:
    return "" if augmentation == IDENTITY else f"-{_digest(repr(augmentation).encode())[:12]}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]
