"""Helpers for KerasHub tokenizers: encoding, decoding, and masks of tokens to ban."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

_SPACES = str.maketrans("Ġ▁", "  ")
"""How byte-level BPE (GPT-2) and SentencePiece spell a space in a token."""


def tokenize(tokenizer: Any, texts: Sequence[str]) -> list[np.ndarray]:
    """Return the token ids of each text, int32 arrays of shape (tokens,)."""
    return [np.asarray(tokens, "int32") for tokens in tokenizer(list(texts))]


def detokenize(tokenizer: Any, rows: Sequence[list[int]]) -> list[str]:
    """Return the text of each row of token ids."""
    # Not every tokenizer accepts an empty row.
    texts = iter(tokenizer.detokenize([row for row in rows if row]) if any(rows) else [])
    return [next(texts) if row else "" for row in rows]


def single_token(tokenizer: Any, text: str) -> int:
    """Return the id of a text that is one token.

    Raises:
        ValueError: If the text is not exactly one token.
    """
    tokens = tokenize(tokenizer, [text])[0]
    if len(tokens) != 1:
        raise ValueError(f"{text!r} is {len(tokens)} tokens; it must be a single one.")
    return int(tokens[0])


class TokenMasks:
    """Masks over a tokenizer's vocabulary: arrays of bool that are True for tokens to ban.

    Args:
        tokenizer: A KerasHub tokenizer.
        stop: The text that ends a generated text; a single token.

    Attributes:
        non_text: Bans all tokens that never occur in the texts of this project: those with
            digits, capitals or anything but printable ASCII, and all special tokens but `stop`
            and the end token. Shape (vocabulary,), read-only.
    """

    def __init__(self, tokenizer: Any, stop: str) -> None:
        spellings = {
            tokenizer.token_to_id(token): token.translate(_SPACES)
            for token in tokenizer.get_vocabulary()
        }
        self._size = max(spellings) + 1
        self._tokens_of: dict[str, list[int]] = {}
        for token, spelling in spellings.items():
            self._tokens_of.setdefault(spelling.removeprefix(" ").lower(), []).append(token)
        self.non_text = np.ones(self._size, bool)
        self.non_text[[token for token, text in spellings.items() if _is_plain(text)]] = False
        self.non_text[list(tokenizer.special_token_ids)] = True
        self.non_text[single_token(tokenizer, stop)] = False
        if tokenizer.end_token_id is not None:
            self.non_text[tokenizer.end_token_id] = False
        self.non_text.setflags(write=False)

    def words(self, words: Collection[str]) -> np.ndarray:
        """Return a mask that bans words in any case, with or without a space in front.

        Words of several tokens are not banned, because other words may share these tokens.

        Returns:
            A mask of shape (vocabulary,).
        """
        mask = np.zeros(self._size, bool)
        mask[[token for word in words for token in self._tokens_of.get(word.lower(), ())]] = True
        return mask


def _is_plain(text: str) -> bool:
    unwanted = any(character.isdigit() or character.isupper() for character in text)
    return text.isascii() and text.isprintable() and not unwanted
