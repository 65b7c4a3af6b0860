"""Starts TensorFlow without its chatter about GPUs and logs, some of which no setting stops."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from fruit_caption.utils.errors import FruitError


def start_keras() -> None:
    """Import Keras and let it find its devices, with the process's error output held back.

    Who sets TensorFlow's own variable TF_CPP_MIN_LOG_LEVEL to 0 hears all of it.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        return
    # It also warns of each new shape of batches that a model is asked to answer.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with hold_back_stderr():
        import keras

        keras.ops.zeros(())


@contextmanager
def hold_back_stderr() -> Iterator[None]:
    """Hold back what is written to the process's error output; it is shown if the block fails.

    C++ parts write to the file descriptor itself, so that is what is turned away.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except FruitError:
            raise  # says all that its reader needs to know
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
