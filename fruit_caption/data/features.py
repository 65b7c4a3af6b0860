"""Looks once: what a frozen encoder sees in each photo, kept on disk.

The features of a photo, or of another view of it, are one small file, keyed by the encoder's
weights, the shape of what it gives (which depends on its taps), the size it is looked at, the
photo's own bytes and the view. Adding photos looks at those alone, an interrupted pass goes on
where it was, and runs that share an encoder share its features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np

from fruit_caption.data.augmentation import PLAIN, View, show
from fruit_caption.models.surgery import fuse_batch_norm
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.files import atomic_write, digest
from fruit_caption.utils.images import open_picture

FEATURES = "features"
"""The folder of the cache, in the data set's."""
BATCH = 16
DIGITS = 32
"""Of a digest in the name of a file or folder."""
Shown = tuple[Path, View]
"""A picture file and how it is shown."""
Batch = list[tuple[Path, Shown]]
"""Pictures and how they are shown, each with the file that what is seen of it goes to."""
Look = Callable[[np.ndarray], np.ndarray]
"""From uint8 pixels (photos, size, size, 3) to what is kept of them, one array a photo."""
Progress = Callable[[int, int], None]


def extract_features(
    encoder: keras.Model,
    photos: Sequence[Shown],
    size: int,
    cache: Path,
    progress: Progress = lambda done, total: None,
    engine: Engine = LOCAL,
) -> list[Path]:
    """Look at every photo that is not in the cache yet.

    Args:
        encoder: frozen, from uint8 (batch, size, size, 3) to (batch, rows, columns, channels).
        photos: picture files and views of them.
        size: side in pixels to which the photos are letterboxed.
        cache: the folder of the cache.
        progress: told how many of the photos to look at are done.
        engine: looks.

    Returns:
        for each photo a `.npy` file of float16 features (rows, columns, channels).

    Raises:
        PictureError: a photo can't be read.
        FruitError: the cache can't be written to.
    """
    grid = "x".join(map(str, encoder.output_shape[1:]))
    folder = cache / f"{encoder.name}-{size}-{grid}-{_weights_digest(encoder)}"
    return _keep(partial(looker, encoder), photos, size, folder, progress, engine)


def looker(encoder: keras.Model) -> Look:
    """A function that looks with the weights of now.

    It maps uint8 pixels (photos, size, size, 3) to float16 (photos, rows, columns, channels).
    """
    plain = fuse_batch_norm(encoder)

    def look(pixels: np.ndarray) -> np.ndarray:
        features = plain.predict_on_batch(pixels)
        # VGG16's activations go into the thousands; float16 ends at 65504.
        return np.clip(features, -65504, 65504).astype("float16")

    return look


def extract_pixels(
    photos: Sequence[Shown], size: int, cache: Path, engine: Engine = LOCAL
) -> list[Path]:
    """Decode and letterbox every photo that is not in the cache yet, for an encoder that learns.

    Arguments and errors are those of `extract_features`.

    Returns:
        for each photo a `.npy` file of uint8 pixels (size, size, 3).
    """
    return _keep(_no_look, photos, size, cache / f"pixels-{size}", engine=engine)


def load(files: Sequence[Path]) -> np.ndarray:
    """What the files of some photos hold, float16 or uint8 (photos, rows, columns, channels)."""
    return np.stack([np.load(file) for file in files])


def load_pixels(photos: Sequence[Path], size: int) -> np.ndarray:
    """The letterboxed pixels of some photos, uint8 (photos, size, size, 3).

    Raises:
        PictureError: a photo can't be read.
    """
    return _shown([(photo, PLAIN) for photo in photos], size)


def _no_look() -> Look:
    return lambda pixels: pixels


def _keep(
    load: Callable[[], Look],
    photos: Sequence[Shown],
    size: int,
    folder: Path,
    progress: Progress = lambda done, total: None,
    engine: Engine = LOCAL,
) -> list[Path]:
    contents = {photo: digest(photo)[:DIGITS] for photo in dict.fromkeys(p for p, _ in photos)}
    files = [folder / f"{contents[photo]}{_ending(view)}.npy" for photo, view in photos]
    missing = {file: photo for file, photo in zip(files, photos, strict=True) if not file.exists()}
    items = list(missing.items())
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    done = 0
    if batches:
        for kept in engine.map_with_model(partial(_keeper, load), batches, partial(_decoded, size)):
            done += kept
            progress(done, len(items))
    return files


def _decoded(size: int, batch: Batch) -> tuple[list[Path], np.ndarray]:
    """The files that a batch's features go to, and its pixels."""
    return [file for file, _ in batch], _shown([photo for _, photo in batch], size)


def _keeper(load: Callable[[], Look]) -> Callable[[tuple[list[Path], np.ndarray]], int]:
    """A function that looks at some pixels, files what is seen, and says how many they were."""
    look = load()

    def keep(batch: tuple[list[Path], np.ndarray]) -> int:
        files, pixels = batch
        for file, seen in zip(files, look(pixels), strict=True):
            with atomic_write(file) as draft:
                np.save(draft, seen)
        return len(files)

    return keep


def _shown(photos: Sequence[Shown], size: int) -> np.ndarray:
    return np.stack([show(open_picture(photo), view, size) for photo, view in photos])


def _ending(view: View) -> str:
    return "" if view == PLAIN else f"-{_digest(repr(view).encode())[:12]}"


def _weights_digest(encoder: keras.Model) -> str:
    return _digest(b"".join(weight.tobytes() for weight in encoder.get_weights()))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]
