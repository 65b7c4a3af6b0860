"""Starts TensorFlow without its chatter about GPUs and logs, some of which no setting stops."""

from __future__ import annotations

import logging
import os
import sys
import tempfile


def start_keras() -> None:
    """Import Keras and let it find its devices, with the process's error output held back.

    TensorFlow's C++ parts write to the file descriptor itself, so that is what is turned away.
    If the import fails, what was held back is shown. Who sets TensorFlow's own variable
    TF_CPP_MIN_LOG_LEVEL to 0 hears all of it.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        return
    # It also warns of each new shape of batches that a model is asked to answer.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import keras

            keras.ops.zeros(())
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
