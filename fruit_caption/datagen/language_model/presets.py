"""Where the language model that writes comes from: one ships, others are folders or fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fruit_caption.data.qa import GRAMMAR
from fruit_caption.utils.errors import WriterError
from fruit_caption.utils.files import shipped_folder
from fruit_caption.utils.paths import Unusable, check_within

SHIPPED = "shipped"
"""The name of the small GPT-2 that comes with the project."""

MARK = "config.json"
"""The file by which a folder is known to be a preset."""

SCORES = "scores.json"
"""Beside a preset that `fruit train-writer` made: how it does with what it never saw."""


def load_preset(preset: str) -> Any:
    """The causal language model of a preset.

    Args:
        preset: `SHIPPED`, or what `keras_nlp.models.CausalLM.from_preset` takes: a name such as
            "gpt2_base_en", a handle such as "hf://owner/name", or a local folder.

    Raises:
        WriterError: there is no such preset, it can't be fetched, or is no causal language model.
    """
    place = str(shipped_preset()) if preset == SHIPPED else preset
    if Path(place).is_dir() and not (Path(place) / MARK).is_file():
        raise WriterError(f"{place} is no preset of KerasNLP: it has no {MARK}.")
    for path in Path(place).rglob("*") if Path(place).is_dir() else ():
        try:
            check_within(path, Path(place))
        except Unusable as reason:
            raise WriterError(f"{path}: {reason}.") from None
    import keras_nlp

    try:
        return keras_nlp.models.CausalLM.from_preset(place)
    # Each of the places that presets come from has failures of its own.
    except Exception as error:
        raise WriterError(_reason(place, error)) from error


def is_taught(preset: str) -> bool:
    """Whether `fruit train-writer` made a preset, which left its scores there."""
    place = shipped_preset() if preset == SHIPPED else Path(preset)
    return (place / SCORES).is_file()


def shipped_preset() -> Path:
    """The folder of the language model that ships.

    Raises:
        WriterError: it is not there.
    """
    folder = shipped_folder("writer")
    if not (folder / MARK).is_file():
        raise WriterError(f"The language model that ships is missing: {folder}.", "writer-missing")
    return folder


def _reason(preset: str, error: Exception) -> str:
    """One line about why a preset could not be loaded."""
    text = " ".join(str(error).split())
    if "Unknown preset identifier" in text:
        return (
            f"There is no preset {preset!r}: name one of KerasNLP's, such as gpt2_base_en, "
            f'"hf://owner/name", a folder, {SHIPPED!r} or {GRAMMAR!r}.'
        )
    if isinstance(error, (ValueError, TypeError)) and "CausalLM" in text:
        return f"The preset {preset!r} is no causal language model, such as GPT-2."
    return (
        f"The preset {preset!r} can't be loaded ({text[:160]}); if it is to be downloaded, check "
        f"the connection, or write without: --writer {SHIPPED} or --writer {GRAMMAR}."
    )
