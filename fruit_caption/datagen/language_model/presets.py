"""Loads the language model that writes texts: the one that ships, a folder, or a download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fruit_caption.data.qa import GRAMMAR
from fruit_caption.utils.errors import DataError, WriterError
from fruit_caption.utils.files import read_json, shipped_folder
from fruit_caption.utils.paths import Unusable, check_within

SHIPPED = "shipped"
"""Name of the small GPT-2 that ships with the project."""

SCORES = "scores.json"
"""File with the evaluation results, in the presets that `fruit train-writer` makes."""

_SAFETENSORS = "safetensors"
"""Package that reads the weights of Hugging Face's models; an extra installs it."""

_CONFIG = "config.json"
"""File that every preset folder has."""


def load_preset(preset: str) -> Any:
    """Load a causal language model.

    Args:
        preset: `SHIPPED`, or an argument of `keras_nlp.models.CausalLM.from_preset`: a name such
            as "gpt2_base_en", a handle such as "hf://owner/name", or a local folder.

    Raises:
        WriterError: If there is no such preset, if it can't be downloaded or loaded, or if it is
            not a causal language model.
    """
    source = str(shipped_preset()) if preset == SHIPPED else preset
    check_preset(source)
    import keras_nlp

    try:
        return keras_nlp.models.CausalLM.from_preset(source)
    # Each of the sources (Kaggle, Hugging Face, folders) raises errors of its own.
    except Exception as error:
        raise _load_error(source, error) from error


def check_preset(preset: str) -> None:
    """Check of a local folder what can be checked before Keras is imported.

    Raises:
        WriterError: The folder is not a preset, or reading it needs a package that is missing.
    """
    folder = Path(preset)
    if not folder.is_dir():
        return
    if not (folder / _CONFIG).is_file():
        raise WriterError(f"{folder} is not a KerasNLP preset: it has no {_CONFIG}.")
    for path in folder.rglob("*"):
        try:
            check_within(path, folder)
        except Unusable as reason:
            raise WriterError(f"{path}: {reason}.") from None
    try:
        config = read_json(folder / _CONFIG)
    except DataError as error:
        raise WriterError(str(error)) from None
    # Hugging Face's models have a type, the presets of Keras have not.
    if "model_type" in config:
        if not any(folder.glob("*.safetensors")):
            raise WriterError(
                f"{folder} has no weights in the format safetensors, the only one of Hugging Face "
                "that can be read."
            )
        if not find_spec(_SAFETENSORS):
            raise _missing_package(preset, _SAFETENSORS)


def is_trained_on_prompts(preset: str) -> bool:
    """Return whether `fruit train-writer` made the preset."""
    folder = shipped_preset() if preset == SHIPPED else Path(preset)
    return (folder / SCORES).is_file()


def shipped_preset() -> Path:
    """Return the folder of the language model that ships.

    Raises:
        WriterError: If it is missing.
    """
    folder = shipped_folder("writer")
    if not (folder / _CONFIG).is_file():
        raise WriterError(f"The language model that ships is missing: {folder}.", "writer-missing")
    return folder


def _load_error(preset: str, error: Exception) -> WriterError:
    text = " ".join(str(error).split())
    if "Unknown preset identifier" in text:
        return WriterError(
            f"There is no preset {preset!r}; choose a KerasNLP preset such as gpt2_base_en, "
            f'"hf://owner/name", a folder, {SHIPPED!r} or {GRAMMAR!r}.'
        )
    if isinstance(error, (ValueError, TypeError)) and "CausalLM" in text:
        return WriterError(f"The preset {preset!r} is not a causal language model such as GPT-2.")
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_package(preset, error.name)
    if isinstance(error, KeyError):
        text = f"its {_CONFIG} or its weights lack {text}"
    reason = text[:160] or type(error).__name__
    if Path(preset).is_dir():
        message = f"The folder {preset} can't be loaded as a language model ({reason})."
    else:
        message = (
            f"The preset {preset!r} can't be loaded ({reason}). If it has to be downloaded, check "
            "the connection."
        )
    return WriterError(message, "preset-not-loaded")


def _missing_package(preset: str, package: str) -> WriterError:
    name = "'fruit-caption[hf]'" if package == _SAFETENSORS else package
    return WriterError(
        f"Reading {preset} needs the package {package}, which is not installed: pip install {name}."
    )
