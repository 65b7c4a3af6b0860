"""Starts Keras on the backend that the user chose, without start-up messages."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from fruit_caption.utils.errors import FruitError, first_line, not_installed

OTHER_BACKENDS = ("jax", "torch")
"""Other backends of Keras than TensorFlow; the extras that install them have the same names."""

INFERENCE_BACKENDS = ("numpy", "openvino")
"""Backends of Keras that can't train, and can't run all layers of the models."""


def import_keras() -> None:
    """Import Keras on the backend that the user chose, and set what the models need.

    The environment variable KERAS_BACKEND, or else the user's keras.json, chooses the backend:
    TensorFlow, JAX or PyTorch. The models are written for images with channels last and single
    precision, whatever keras.json says. Set TF_CPP_MIN_LOG_LEVEL=0 to see all TensorFlow output.

    Raises:
        FruitError: The backend is unknown, unfit or not installed, or keras.json is not valid.
    """
    with _quietly():
        try:
            import keras
        except (ImportError, ValueError, AssertionError) as error:
            raise _backend_error(error) from error
    if keras.backend.backend() in INFERENCE_BACKENDS:
        raise _unfit_backend(keras.backend.backend())
    keras.config.set_image_data_format("channels_last")
    if keras.config.floatx() in ("float16", "bfloat16"):
        keras.config.set_floatx("float32")


def start_keras() -> None:
    """Import Keras and initialize its devices; raises as `import_keras` does."""
    import_keras()
    with _quietly():
        import keras

        keras.ops.zeros(())


def _quietly() -> AbstractContextManager[None]:
    """Silence TensorFlow and, in the block, stderr, unless the user wants to see all of it."""
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        return nullcontext()
    # TensorFlow also warns about every new batch shape at inference.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    return silence_stderr()


def _backend_error(error: Exception) -> FruitError:
    """Explain why Keras can't be imported."""
    if isinstance(error, ModuleNotFoundError) and error.name in OTHER_BACKENDS:
        return FruitError(
            f"The Keras backend is {error.name} (KERAS_BACKEND or keras.json), which is not "
            f"installed: pip install 'fruit-caption[{error.name}]'."
        )
    if isinstance(error, ModuleNotFoundError) and error.name in INFERENCE_BACKENDS:
        return _unfit_backend(error.name)
    if isinstance(error, ModuleNotFoundError):
        return not_installed(error)
    reason = first_line(error, 120) or "a setting is not valid"
    return FruitError(f"Keras can't start ({reason}); check KERAS_BACKEND and keras.json.")


def _unfit_backend(name: str) -> FruitError:
    return FruitError(
        f"The Keras backend is {name} (KERAS_BACKEND or keras.json), which can't train or run the "
        "models; use tensorflow, jax or torch."
    )


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard what the block writes to stderr; print it if the block fails.

    Redirects the file descriptor, because C++ libraries write to it directly. A `FruitError` needs
    no further explanation, so that nothing is printed with it.
    """
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except FruitError:
            raise
        except BaseException:
            captured.seek(0)
            os.write(original, captured.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
