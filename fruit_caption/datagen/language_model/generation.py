"""A language model goes on with thousands of prompts that share a prefix, batch by batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from keras import ops

from fruit_caption.datagen.language_model.sampling import Continuation

STOP = "\n"
_SPACES = str.maketrans("Ġ▁", "  ")
"""How tokenizers spell a space: GPT-2's kind, and SentencePiece."""


@dataclass(frozen=True)
class Draft:
    """A text that the model wrote, as it wrote it: mostly with a space in front.

    Attributes:
        text: without the token that ended it.
        likelihood: the mean log-likelihood of its tokens, the one that ended it among them, as
            the model sees it: whatever the temperature was and what was banned.
        ended: whether the model ended it; if not, it was cut off.
    """

    text: str
    likelihood: float
    ended: bool


class Generator:
    """Writes one draft for each prompt with a causal language model.

    The model reads the prefix once; its keys and values are kept for every prompt. All batches
    have the same shapes, so that the model is compiled once, and memory grows with the batch, not
    with the number of prompts. Prompts of similar length share a batch.

    The model reads its start token (if it has one), the prefix, then a prompt. Prefix and prompts
    become tokens each by themselves: end the prefix with the end of a line, and no prompt with a
    space.

    Args:
        model: any `keras_hub.models.CausalLM` with a preprocessor that keeps a cache.
        prefix: what every prompt follows, such as a few examples.
        prompt_tokens: the longest prompt.
        new_tokens: the longest draft, with the token that ends it.
        batch_size: how many drafts are written at a time.
        temperature: above 0; the lower, the likelier the likely.
        top_p: only the likeliest tokens that make up so much of the probability are drawn; 0 is
            greedy.
        stop: what ends a draft: one token's text. The model's own end token does, too.
        seed: other numbers, other drafts.

    Attributes:
        tokens: how many tokens were written so far.

    Raises:
        ValueError: `stop` is more than one token, or the model can't read as many tokens.
    """

    def __init__(
        self,
        model: Any,
        prefix: str,
        prompt_tokens: int,
        new_tokens: int,
        batch_size: int = 32,
        temperature: float = 0.9,
        top_p: float = 0.95,
        stop: str = STOP,
        seed: int = 0,
    ) -> None:
        self.tokens = 0
        self.prompt_tokens = prompt_tokens
        self.new_tokens = new_tokens
        self.batch_size = batch_size
        self.seed = seed
        self.tokenizer = model.preprocessor.tokenizer
        self.vocabulary_size = model.backbone.vocabulary_size
        self.stop = _only_token(self.tokenizer, stop)
        self.ends = {self.stop, self.tokenizer.end_token_id} - {None}
        start = [self.tokenizer.start_token_id] if self.tokenizer.start_token_id is not None else []
        read = np.array([*start, *tokenize(self.tokenizer, [prefix])[0]], "int32")
        columns = prompt_tokens + new_tokens
        most = getattr(model.backbone, "max_sequence_length", None)
        if most is not None and len(read) + columns > most:
            raise ValueError(
                f"A prefix of {len(read)} tokens, prompts of {prompt_tokens} and drafts of "
                f"{new_tokens} make up more than the {most} tokens that the model can read."
            )
        # What the cache holds beyond the prefix is overwritten before anything attends to it.
        _, self._cache = model._build_cache(ops.convert_to_tensor(np.pad(read, (0, columns))[None]))
        self._continuation = Continuation(
            model, len(read), new_tokens, self.ends, temperature, top_p
        )

    def generate(
        self, prompts: Sequence[str], banned: Sequence[np.ndarray], keys: Sequence[int]
    ) -> list[Draft]:
        """One draft for each prompt; for several, repeat a prompt with other keys.

        Args:
            prompts: what follows the prefix.
            banned: for each prompt True for the tokens that its draft must not hold, bool
                (vocabulary,): `never(...) | banned_tokens(...)`. Where all are banned, the draft
                ends at once.
            keys: for each prompt a number from 0. A prompt with the same key and mask becomes the
                same draft, whatever it is written together with.

        Raises:
            ValueError: a prompt is empty or longer than `prompt_tokens`.
        """
        if not prompts:
            return []
        rows = tokenize(self.tokenizer, prompts)
        for prompt, row in zip(prompts, rows, strict=True):
            if not 0 < len(row) <= self.prompt_tokens:
                raise ValueError(
                    f"A prompt must have 1 to {self.prompt_tokens} tokens; this has {len(row)}: "
                    f"{prompt!r}"
                )
        order = np.argsort([len(row) for row in rows], kind="stable")
        drafts: dict[int, Draft] = {}
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            written = self._write(
                [rows[n] for n in batch], [banned[n] for n in batch], [keys[n] for n in batch]
            )
            drafts.update(zip(batch.tolist(), written, strict=True))
        return [drafts[n] for n in range(len(prompts))]

    def _write(
        self, rows: list[np.ndarray], banned: list[np.ndarray], keys: list[int]
    ) -> list[Draft]:
        """Drafts for no more prompts than a batch holds. The last fills the rows left over."""
        rest = self.batch_size - len(rows)
        outputs = self._continuation.predict_on_batch(
            {
                "cache": self._cache,
                "tokens": _filled(self._prompts(rows), rest),
                "lengths": _filled(np.array([len(row) for row in rows], "int32"), rest),
                "banned": _filled(self._mask(banned), rest),
                "chances": _filled(self._chances(keys), rest),
            }
        )
        new = [
            self._until_end(tokens[len(row) : len(row) + self.new_tokens])
            for tokens, row in zip(outputs["tokens"], rows, strict=False)
        ]
        self.tokens += sum(len(tokens) for tokens in new)
        ended = [tokens[-1] in self.ends for tokens in new]
        texts = _detokenize(
            self.tokenizer,
            [tokens[:-1] if end else tokens for tokens, end in zip(new, ended, strict=True)],
        )
        return [
            Draft(text, float(likelihood) / len(tokens), end)
            for text, likelihood, tokens, end in zip(
                texts, outputs["likelihood"], new, ended, strict=False
            )
        ]

    def _prompts(self, rows: list[np.ndarray]) -> np.ndarray:
        """Prompts, each with room for its draft, (rows, columns)."""
        tokens = np.zeros((len(rows), self.prompt_tokens + self.new_tokens), "int32")
        for place, row in enumerate(rows):
            tokens[place, : len(row)] = row
        return tokens

    def _mask(self, banned: list[np.ndarray]) -> np.ndarray:
        """What is banned, (rows, vocabulary), with at least the end of the text left to write."""
        # A model may have room for more tokens than its tokenizer knows; they have no text.
        mask = np.ones((len(banned), self.vocabulary_size), bool)
        for place, row in enumerate(banned):
            mask[place, : len(row)] = row
        mask[mask.all(axis=1), self.stop] = False
        return mask

    def _chances(self, keys: list[int]) -> np.ndarray:
        """Random numbers in [0, 1) that depend on nothing but seed and key, (rows, new_tokens)."""
        return np.stack(
            [
                np.random.default_rng([self.seed, key]).random(self.new_tokens, "float32")
                for key in keys
            ]
        )

    def _until_end(self, tokens: np.ndarray) -> list[int]:
        """The tokens up to the first that ends a draft, and that one."""
        ends = np.flatnonzero(np.isin(tokens, list(self.ends)))
        return tokens[: ends[0] + 1 if len(ends) else None].tolist()


def banned_tokens(tokenizer: Any, words: Collection[str]) -> np.ndarray:
    """Tokens that are one of some words, in any case, with or without a space in front.

    A word that is several tokens can't be banned so: each of them may be part of other words.

    Returns:
        True for the tokens of the words, bool (vocabulary,).
    """
    spelt = _words(tokenizer)
    mask = np.zeros(_size(tokenizer), bool)
    mask[[token for word in words for token in spelt.get(word.lower(), ())]] = True
    return mask


@lru_cache(maxsize=4)
def never(tokenizer: Any, stop: str = STOP) -> np.ndarray:
    """Tokens that no text of ours holds: digits, capitals, all that is not plain ASCII.

    Of special and control tokens only `stop` and the model's own end token are left.

    Returns:
        True for what must not be written, bool (vocabulary,), read-only.
    """
    mask = np.ones(_size(tokenizer), bool)
    plain = [token for token, text in _texts(tokenizer).items() if _is_plain(text)]
    mask[plain] = False
    mask[list(tokenizer.special_token_ids)] = True
    mask[_only_token(tokenizer, stop)] = False
    if tokenizer.end_token_id is not None:
        mask[tokenizer.end_token_id] = False
    mask.setflags(write=False)
    return mask


def _is_plain(text: str) -> bool:
    unwanted = any(character.isdigit() or character.isupper() for character in text)
    return text.isascii() and text.isprintable() and not unwanted


@lru_cache(maxsize=4)
def _texts(tokenizer: Any) -> Mapping[int, str]:
    """Each token's spelling with spaces as spaces: of what is not ASCII, bytes of their own."""
    return {
        tokenizer.token_to_id(token): token.translate(_SPACES)
        for token in tokenizer.get_vocabulary()
    }


@lru_cache(maxsize=4)
def _words(tokenizer: Any) -> Mapping[str, list[int]]:
    """The tokens of each word in lower case, without the space in front."""
    words: dict[str, list[int]] = {}
    for token, text in _texts(tokenizer).items():
        words.setdefault(text.removeprefix(" ").lower(), []).append(token)
    return words


@lru_cache(maxsize=4)
def _size(tokenizer: Any) -> int:
    return max(_texts(tokenizer)) + 1


def _only_token(tokenizer: Any, text: str) -> int:
    tokens = tokenize(tokenizer, [text])[0]
    if len(tokens) != 1:
        raise ValueError(f"{text!r} is {len(tokens)} tokens; only one token can end a draft.")
    return int(tokens[0])


def tokenize(tokenizer: Any, texts: Sequence[str]) -> list[np.ndarray]:
    """The tokens of each text, int32 (tokens,)."""
    return [np.asarray(tokens, "int32") for tokens in tokenizer(list(texts))]


def _detokenize(tokenizer: Any, rows: list[list[int]]) -> list[str]:
    """The texts of some tokens; no tokens are no text, which not every tokenizer knows."""
    texts = iter(tokenizer.detokenize([row for row in rows if row]) if any(rows) else [])
    return [next(texts) if row else "" for row in rows]


def _filled(rows: np.ndarray, rest: int) -> np.ndarray:
    """Rows with the last repeated `rest` times."""
    return np.pad(rows, [(0, rest)] + [(0, 0)] * (rows.ndim - 1), mode="edge")
