"""Caches the outputs of a frozen encoder, in one file per view of a photo.

    CACHE/vgg16-224-<digest of the encoder>/<digest of the photo>.npz
    CACHE/vgg16-224-<digest of the encoder>/<digest of the photo>-<digest of the view>.npz

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

from fruit_caption.data.augmentation import IDENTITY, View, draw_view, render_view
from fruit_caption.data.dataset import Example
from fruit_caption.models.decoding import Arrays
from fruit_caption.models.fusion import fuse_batch_norm
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.files import atomic_write, file_sha256
from fruit_caption.utils.images import letterbox, open_picture
from fruit_caption.utils.paths import encodable

FEATURES = "features"
"""Name of the cache's folder within the folder of a data set."""

BATCH = 16
"""Number of photos that are encoded at once."""

DIGITS = 32
"""Number of hexadecimal digits of a digest in a file or folder name."""

ViewOfPhoto = tuple[Path, View]
"""A picture file and how it is shown."""

StepProgress = Callable[[int, int], None]
"""Progress callback; receives the number of encoded photos, and the number to encode in all."""


def no_step_progress(done: int, total: int) -> None:
    """Progress callback that does nothing."""


def cache_features(
    encoder: keras.Model,
    views: Sequence[ViewOfPhoto],
    size: int,
    cache: Path,
    progress: StepProgress = no_step_progress,
    engine: Engine = LOCAL,
) -> list[Path]:
    """Encode the views of photos that are not in the cache yet.

    Args:
        encoder: Frozen encoder, see `models.encoders`.
        views: The views.
        size: Side in pixels of the encoder's input.
        cache: Folder of the cache.
        progress: Called after each batch.
        engine: Runs the encoder.

    Returns:
        For each view, a file that `load_features` reads.

    Raises:
        PictureError: A photo can't be read.
        FruitError: The cache can't be written.
    """
    content = [repr(encoder.output_shape).encode(), *(w.tobytes() for w in encoder.get_weights())]
    folder = cache / f"{encoder.name}-{size}-{_digest(b''.join(content))}"
    digests = {path: file_sha256(path)[:DIGITS] for path in dict.fromkeys(p for p, _ in views)}
    files = [folder / f"{digests[path]}{_suffix(view)}.npz" for path, view in views]
    missing = {file: view for file, view in zip(files, views, strict=True) if not file.exists()}
    items = list(missing.items())
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    done = 0
    if batches:  # Loading the encoder takes seconds.
        save = partial(_saver, encoder)
        for saved in engine.map_with_model(save, batches, partial(_render_batch, size)):
            done += saved
            progress(done, len(items))
    return files


def fixed_views(example: Example, number: int) -> list[ViewOfPhoto]:
    """Return the photo itself and `number` - 1 other views, which depend only on its name."""
    seed = hashlib.sha256(encodable(example.name).encode()).digest()
    rng = np.random.default_rng(list(seed))
    views = [IDENTITY, *(draw_view(example.photo, rng) for _ in range(number - 1))]
    return [(example.path, view) for view in views]


def load_features(files: Sequence[Path]) -> Arrays:
    """Load files of the cache as float32 features by name, (photos, rows, columns, channels)."""
    loaded = []
    for file in files:
        with np.load(file) as arrays:
            loaded.append({name: arrays[name].astype("float32") for name in arrays.files})
    return {name: np.stack([features[name] for features in loaded]) for name in loaded[0]}


def load_pixels(photos: Sequence[Path], size: int) -> np.ndarray:
    """Load letterboxed photos as uint8 pixels (photos, size, size, 3).

    Raises:
        PictureError: A photo can't be read.
    """
    return np.stack([letterbox(open_picture(photo), size) for photo in photos])


def _render_batch(
    size: int, batch: Sequence[tuple[Path, ViewOfPhoto]]
) -> tuple[list[Path], np.ndarray]:
    """Return the files to write for a batch, and the pixels to encode."""
    pixels = [render_view(open_picture(path), view, size) for _, (path, view) in batch]
    return [file for file, _ in batch], np.stack(pixels)


def _saver(encoder: keras.Model) -> Callable[[tuple[list[Path], np.ndarray]], int]:
    """Return a function that encodes and saves a batch and returns the number of its photos."""
    fused = fuse_batch_norm(encoder)

    def save(batch: tuple[list[Path], np.ndarray]) -> int:
        files, pixels = batch
        encoded = fused.predict_on_batch(pixels)
        # VGG16's activations reach several thousand; the largest float16 is 65504.
        features = {n: np.clip(x, -65504, 65504).astype("float16") for n, x in encoded.items()}
        for index, file in enumerate(files):
            with atomic_write(file) as draft, draft.open("wb") as stream:
                np.savez(stream, **{name: array[index] for name, array in features.items()})
        return len(files)

    return save


def _suffix(view: View) -> str:
    return "" if view == IDENTITY else f"-{_digest(repr(view).encode())[:12]}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]
