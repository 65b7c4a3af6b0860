"""The compiled part of a language model's writing: a batch of prompts in, their drafts out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import keras
from keras import ops

Tensor = Any  # symbolic while a model is built, then the backend's

MOST_CHOICES = 1024
"""A token is drawn from no more than so many: to sort all 50,257 of GPT-2 takes 7 times as long."""


class Continuation(keras.Model):
    """Continues a batch of prompts that share a prefix, one token a step for all of them.

    The prefix is never read again: its keys and values come as an input, for one row, and are
    repeated for every row. Prompts may differ in length. As `keras_hub.models.CausalLM.generate`
    does, all rows fill the same column at a time, from the end of the shortest prompt on; a row
    whose prompt is longer keeps its prompt until it is over, so each token has the position, and
    attends to the tokens, that it would have alone.

    Args:
        model: any `keras_hub.models.CausalLM` that keeps keys and values in a cache.
        prefix_tokens: how long the prefix is.
        new_tokens: how many tokens a row may write.
        ends: tokens that end a row.
        temperature, top_p: how a token is drawn; see `draw`.

    Call arguments, a dictionary:
        cache: keys and values of the prefix, (1, ...), as the model makes them, for sequences of
            `prefix_tokens + columns`.
        tokens: the prompts, (batch, columns): a token or more each, then anything, with at least
            `new_tokens` columns left over.
        lengths: how many tokens the prompts have, (batch,).
        banned: True for each token that a row must not write, (batch, vocabulary).
        chances: random numbers in [0, 1), one for each new token, (batch, new_tokens).

    Returns:
        a dictionary of the tokens, (batch, columns), and the summed log-likelihoods of the new
        ones, (batch,). They are the model's own, whatever the temperature and what was banned.
    """

    def __init__(
        self,
        model: Any,
        prefix_tokens: int,
        new_tokens: int,
        ends: Collection[int],
        temperature: float,
        top_p: float,
    ) -> None:
        # The cache stays in the precision that the model gave it.
        super().__init__(autocast=False)
        # XLA takes longer to compile and is no faster: half of a step is copying the cache.
        self.jit_compile = False
        self.language_model = model
        self.prefix_tokens = prefix_tokens
        self.new_tokens = new_tokens
        self.ends = sorted(ends)
        self.temperature = temperature
        self.top_p = top_p

    def call(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Write the drafts of a batch; see the class for what comes in and goes out."""
        lengths, banned, chances = inputs["lengths"], inputs["banned"], inputs["chances"]
        tokens = inputs["tokens"]
        rows, columns = ops.shape(tokens)
        cache = ops.repeat(inputs["cache"], rows, axis=0)
        prompts = tokens[:, : columns - self.new_tokens]
        # Nobody asks for the logits, so the compiled graph leaves them out.
        _, _, cache = self.language_model.call_with_cache(prompts, cache, self.prefix_tokens)

        def step(
            column: Tensor, tokens: Tensor, cache: Tensor, likelihood: Tensor, done: Tensor
        ) -> tuple[Tensor, ...]:
            last = ops.slice(tokens, [0, column - 1], [rows, 1])
            position = self.prefix_tokens + column - 1
            logits, _, cache = self.language_model.call_with_cache(last, cache, position)
            logits = ops.cast(logits[:, 0], "float32")
            written = column - lengths
            chance = ops.take_along_axis(
                chances, ops.clip(written, 0, self.new_tokens - 1)[:, None], axis=1
            )
            new = draw(logits, banned, chance, self.temperature, self.top_p)
            writing = ops.logical_and(written >= 0, ops.logical_not(done))
            likelihood += ops.where(writing, log_likelihood(logits, new), 0.0)
            kept = ops.slice(tokens, [0, column], [rows, 1])[:, 0]
            tokens = ops.slice_update(tokens, [0, column], ops.where(writing, new, kept)[:, None])
            over = ops.logical_or(self._is_end(new), written + 1 >= self.new_tokens)
            done = ops.logical_or(done, ops.logical_and(writing, over))
            return column + 1, tokens, cache, likelihood, done

        start = (
            ops.min(lengths),
            tokens,
            cache,
            ops.zeros((rows,), "float32"),
            ops.zeros((rows,), "bool"),
        )
        _, tokens, _, likelihood, _ = ops.while_loop(
            lambda column, tokens, cache, likelihood, done: ops.logical_not(ops.all(done)),
            step,
            start,
        )
        return {"tokens": tokens, "likelihood": likelihood}

    def _is_end(self, tokens: Tensor) -> Tensor:
        """Whether tokens (batch,) are ends, (batch,)."""
        return ops.any(tokens[:, None] == ops.convert_to_tensor(self.ends, "int32"), axis=1)


def draw(
    logits: Tensor, banned: Tensor, chance: Tensor, temperature: float, top_p: float
) -> Tensor:
    """Draw a token for each row from the likeliest that make up `top_p` of the probability.

    This is nucleus sampling (Holtzman et al. 2020, "The Curious Case of Neural Text
    Degeneration") of what is not banned, by the inverse of the cumulative distribution: one
    random number a row decides, so that a row draws the same whatever is drawn beside it.

    Args:
        logits: (batch, vocabulary).
        banned: True for tokens that must not be drawn, (batch, vocabulary); not all of a row.
        chance: random numbers in [0, 1), (batch, 1).
        temperature: what logits are divided by; the lower, the likelier the likely.
        top_p: 0 for the likeliest token only (greedy).

    Returns:
        tokens, int32 (batch,).
    """
    scores = ops.where(banned, -float("inf"), logits / temperature)
    total = ops.logsumexp(scores, axis=-1, keepdims=True)
    best, ids = ops.top_k(scores, k=min(MOST_CHOICES, scores.shape[-1]))
    probabilities = ops.exp(best - total)
    reached = ops.cumsum(probabilities, axis=-1)
    # A token is in if those before it don't make up top_p; the first always is.
    inside = ops.logical_and(reached - probabilities < top_p, probabilities > 0)
    choices = ops.maximum(ops.sum(ops.cast(inside, "int32"), axis=-1, keepdims=True), 1)
    mass = ops.take_along_axis(reached, choices - 1, axis=-1)
    place = ops.sum(ops.cast(reached <= chance * mass, "int32"), axis=-1, keepdims=True)
    drawn = ops.take_along_axis(ids, ops.minimum(place, choices - 1), axis=-1)
    return ops.cast(drawn[:, 0], "int32")


def log_likelihood(logits: Tensor, tokens: Tensor) -> Tensor:
    """Log-likelihoods (batch,) of tokens (batch,) under logits (batch, vocabulary)."""
    chosen = ops.take_along_axis(logits, tokens[:, None], axis=-1)[:, 0]
    return chosen - ops.logsumexp(logits, axis=-1)
