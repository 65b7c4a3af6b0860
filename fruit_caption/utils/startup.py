"""Silences TensorFlow's start-up messages, some of which no setting turns off."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from fruit_caption.utils.errors import FruitError


def start_keras() -> None:
    """Import Keras and initialize its devices without TensorFlow's log messages.

    Set TF_CPP_MIN_LOG_LEVEL=0 to see all TensorFlow output.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        return
    # It also warns about every new batch shape at inference.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with silence_stderr():
        import keras

        keras.ops.zeros(())


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
