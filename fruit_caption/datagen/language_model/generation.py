"""Completes many prompts that share a prefix with a language model, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from fruit_caption.datagen.language_model.sampling import SamplingModel
from fruit_caption.datagen.language_model.tokens import detokenize, single_token, tokenize


@dataclass(frozen=True)
class Completion:
    """A text that the model generated, usually with a space in front.

    Attributes:
        text: The text without the token that ended it.
        log_likelihood: The mean log-likelihood of its tokens (the end token included) under the
            model itself, regardless of temperature and banned tokens.
        ended: Whether the model ended the text; otherwise it was cut off.
    """

    text: str
    log_likelihood: float
    ended: bool


class Generator:
    """Generates one completion per prompt with a causal language model.

    The model reads its start token (if it has one), the prefix, and then a prompt. The prefix is
    read only once: its keys and values are cached and shared by all prompts. All batches have the
    same shape, so the model is compiled once, and memory depends on the batch size only.

    Prefix and prompts are tokenized separately: the prefix should end with a line break, and no
    prompt with a space.

    Args:
        model: A `keras_hub.models.CausalLM` with a preprocessor and a key-value cache.
        prefix: The text in front of every prompt, such as a few examples.
        max_prompt_tokens: Maximum length of a prompt, in tokens.
        max_new_tokens: Maximum length of a completion, in tokens, including the end token.
        batch_size: Number of completions that are generated at once.
        temperature: Sampling temperature, above 0.
        top_p: Nucleus sampling threshold, see `sampling.sample_top_p`; 0 is greedy.
        stop: The text that ends a completion; a single token. The model's own end token ends it
            too.
        seed: Random seed.

    Attributes:
        tokens: Number of tokens generated so far.

    Raises:
        ValueError: If `stop` is not a single token, or if the model's maximum sequence length is
            too short.
    """

    def __init__(
        self,
        model: Any,
        prefix: str,
        max_prompt_tokens: int,
        max_new_tokens: int,
        batch_size: int = 32,
        temperature: float = 0.9,
        top_p: float = 0.95,
        stop: str = "\n",
        seed: int = 0,
    ) -> None:
        self.tokens = 0
        self.max_prompt_tokens = max_prompt_tokens
        self.max_new_tokens = max_new_tokens
        self.batch_size = batch_size
        self.seed = seed
        self.tokenizer = model.preprocessor.tokenizer
        self.vocabulary_size = model.backbone.vocabulary_size
        self.stop = single_token(self.tokenizer, stop)
        self.end_tokens = {self.stop, self.tokenizer.end_token_id} - {None}
        start = [self.tokenizer.start_token_id] if self.tokenizer.start_token_id is not None else []
        prefix_tokens = np.array([*start, *tokenize(self.tokenizer, [prefix])[0]], "int32")
        columns = max_prompt_tokens + max_new_tokens
        limit = getattr(model.backbone, "max_sequence_length", None)
        if limit is not None and len(prefix_tokens) + columns > limit:
            raise ValueError(
                f"A prefix of {len(prefix_tokens)} tokens, prompts of {max_prompt_tokens} and "
                f"completions of {max_new_tokens} are more than the {limit} tokens that the model "
                "can read."
            )
        # The part of the cache behind the prefix is overwritten before it is used.
        padded = np.pad(prefix_tokens, (0, columns))[None]
        _, self._cache = model._build_cache(ops.convert_to_tensor(padded))
        self._sampling_model = SamplingModel(
            model, len(prefix_tokens), max_new_tokens, self.end_tokens, temperature, top_p
        )

    def generate(
        self, prompts: Sequence[str], banned: Sequence[np.ndarray], keys: Sequence[int]
    ) -> list[Completion]:
        """Generate one completion per prompt; for several, repeat a prompt with other keys.

        Args:
            prompts: The texts that follow the prefix.
            banned: For each prompt a mask of shape (vocabulary,) that is True for the tokens that
                must not be generated, see `TokenMasks`. If all are banned, the completion is
                empty.
            keys: For each prompt a random key, 0 or more. The same prompt, mask and key give the
                same completion, whatever else is in the batch.

        Raises:
            ValueError: If a prompt is empty or longer than `max_prompt_tokens`.
        """
        if not prompts:
            return []
        rows = tokenize(self.tokenizer, prompts)
        for prompt, row in zip(prompts, rows, strict=True):
            if not 0 < len(row) <= self.max_prompt_tokens:
                raise ValueError(
                    f"A prompt must have 1 to {self.max_prompt_tokens} tokens; this has "
                    f"{len(row)}: {prompt!r}"
                )
        # Sampling starts after the shortest prompt of a batch, so similar lengths share a batch.
        order = np.argsort([len(row) for row in rows], kind="stable").tolist()
        completions: dict[int, Completion] = {}
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            generated = self._generate_batch(
                [rows[i] for i in batch], [banned[i] for i in batch], [keys[i] for i in batch]
            )
            completions.update(zip(batch, generated, strict=True))
        return [completions[i] for i in range(len(prompts))]

    def _generate_batch(
        self, prompts: list[np.ndarray], banned: list[np.ndarray], keys: list[int]
    ) -> list[Completion]:
        """Generate completions for at most `batch_size` prompts of token ids."""
        outputs = self._sampling_model.predict_on_batch(
            {
                "cache": self._cache,
                "tokens": self._pad_batch(self._prompt_array(prompts)),
                "lengths": self._pad_batch(np.array([len(row) for row in prompts], "int32")),
                "banned": self._pad_batch(self._mask_array(banned)),
                "random": self._pad_batch(self._random_array(keys)),
            }
        )
        # The rows that fill up the batch are dropped by `strict=False`.
        new = [
            self._until_end(tokens[len(prompt) : len(prompt) + self.max_new_tokens])
            for prompt, tokens in zip(prompts, outputs["tokens"], strict=False)
        ]
        self.tokens += sum(len(tokens) for tokens in new)
        ended = [tokens[-1] in self.end_tokens for tokens in new]
        texts = detokenize(
            self.tokenizer,
            [tokens[:-1] if end else tokens for tokens, end in zip(new, ended, strict=True)],
        )
        return [
            Completion(text, float(log_likelihood) / len(tokens), end)
            for text, log_likelihood, tokens, end in zip(
                texts, outputs["log_likelihood"], new, ended, strict=False
            )
        ]

    def _pad_batch(self, rows: np.ndarray) -> np.ndarray:
        """Fill up a batch by repeating its last row."""
        missing = self.batch_size - len(rows)
        return np.pad(rows, [(0, missing)] + [(0, 0)] * (rows.ndim - 1), mode="edge")

    def _prompt_array(self, prompts: list[np.ndarray]) -> np.ndarray:
        """Return prompts with room for their completions, int32 (rows, columns)."""
        columns = self.max_prompt_tokens + self.max_new_tokens
        return np.stack([np.pad(prompt, (0, columns - len(prompt))) for prompt in prompts])

    def _mask_array(self, banned: list[np.ndarray]) -> np.ndarray:
        """Return the masks with at least the stop token allowed, bool (rows, vocabulary)."""
        # A model's vocabulary may be larger than its tokenizer's: ban the ids without a text.
        size = self.vocabulary_size
        masks = np.stack(
            [np.pad(mask, (0, size - len(mask)), constant_values=True) for mask in banned]
        )
        masks[masks.all(axis=1), self.stop] = False
        return masks

    def _random_array(self, keys: list[int]) -> np.ndarray:
        """Return numbers in [0, 1) that depend only on seed and key, (rows, max_new_tokens)."""
        generators = [np.random.default_rng([self.seed, key]) for key in keys]
        return np.stack([rng.random(self.max_new_tokens, "float32") for rng in generators])

    def _until_end(self, tokens: np.ndarray) -> list[int]:
        """Return the tokens up to and including the first end token."""
        ends = np.flatnonzero(np.isin(tokens, list(self.end_tokens)))
        return tokens[: ends[0] + 1 if len(ends) else None].tolist()
