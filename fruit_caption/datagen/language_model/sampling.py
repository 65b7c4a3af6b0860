"""The compiled sampling loop: completes a batch of prompts token by token.

KerasHub's own samplers are not used because they draw from one random stream for the whole batch.
Here a row depends on nothing but its own random numbers, has its own banned tokens, and reports
its likelihood.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import keras
from keras import ops

Tensor = Any  # a symbolic tensor while a model is built, the backend's otherwise

MAX_CHOICES = 1024
"""Maximum number of tokens to choose from. Sorting all 50,257 of GPT-2 takes 7 times as long."""


class SamplingModel(keras.Model):
    """Completes a batch of prompts that share a prefix, one token per step for all rows.

    The prefix is not read again: its keys and values are an input with one row, which is repeated
    for every row of the batch. Prompts may differ in length. As in
    `keras_hub.models.CausalLM.generate`, all rows fill the same column at a time, beginning after
    the shortest prompt, and a row keeps the tokens of its prompt. Every token therefore has the
    same position and context as if its row were alone.

    Args:
        model: A `keras_hub.models.CausalLM` with a key-value cache.
        prefix_length: Length of the prefix, in tokens.
        max_new_tokens: Maximum number of tokens to generate per row.
        end_tokens: Tokens that end a row.
        temperature: See `sample_top_p`.
        top_p: See `sample_top_p`.

    Call arguments:
        inputs: A dictionary of
            cache: keys and values of the prefix, (1, ...), from the model's `_build_cache`, for
                sequences of `prefix_length + columns` tokens;
            tokens: the prompts, int32 (batch, columns), at least one token each, with at least
                `max_new_tokens` columns of padding behind them;
            lengths: the lengths of the prompts in tokens, int32 (batch,);
            banned: True for tokens that a row must not generate, bool (batch, vocabulary);
            random: a random number in [0, 1) for each new token, (batch, max_new_tokens).

    Returns:
        A dictionary of `tokens`, the prompts with their completions, int32 (batch, columns), and
        `log_likelihood`, the sum over the new tokens of each row, (batch,), under the model
        itself, regardless of temperature and banned tokens.
    """

    def __init__(
        self,
        model: Any,
        prefix_length: int,
        max_new_tokens: int,
        end_tokens: Collection[int],
        temperature: float,
        top_p: float,
    ) -> None:
        super().__init__(autocast=False)  # the cache keeps the model's precision
        # XLA changes the cache in place. Copying it several times at every step takes longer than
        # everything else; on CPUs, Keras compiles without XLA unless told otherwise.
        self.jit_compile = keras.backend.backend() != "torch"
        self.language_model = model
        self.prefix_length = prefix_length
        self.max_new_tokens = max_new_tokens
        self.end_tokens = sorted(end_tokens)
        self.temperature = temperature
        self.top_p = top_p

    def call(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Complete a batch of prompts; see the class for inputs and outputs."""
        lengths, tokens = inputs["lengths"], inputs["tokens"]
        rows, columns = ops.shape(tokens)
        cache = ops.repeat(inputs["cache"], rows, axis=0)
        prompts = tokens[:, : columns - self.max_new_tokens]
        # The logits are unused, so the compiled graph does not compute them.
        _, _, cache = self.language_model.call_with_cache(prompts, cache, self.prefix_length)

        def step(
            column: Tensor, tokens: Tensor, cache: Tensor, log_likelihood: Tensor, done: Tensor
        ) -> tuple[Tensor, ...]:
            last = ops.slice(tokens, [0, column - 1], [rows, 1])
            position = self.prefix_length + column - 1
            logits, _, cache = self.language_model.call_with_cache(last, cache, position)
            logits = ops.cast(logits[:, 0], "float32")
            index = column - lengths  # of the new token in its completion
            random = ops.take_along_axis(
                inputs["random"], ops.clip(index, 0, self.max_new_tokens - 1)[:, None], axis=1
            )
            new = sample_top_p(logits, inputs["banned"], random, self.temperature, self.top_p)
            active = ops.logical_and(index >= 0, ops.logical_not(done))
            log_likelihood += ops.where(active, token_log_likelihood(logits, new), 0.0)
            current = ops.slice(tokens, [0, column], [rows, 1])[:, 0]
            tokens = ops.slice_update(tokens, [0, column], ops.where(active, new, current)[:, None])
            at_end = ops.logical_or(self._is_end(new), index + 1 >= self.max_new_tokens)
            done = ops.logical_or(done, ops.logical_and(active, at_end))
            return column + 1, tokens, cache, log_likelihood, done

        zeros = ops.zeros((rows,), "float32")
        _, tokens, _, log_likelihood, _ = ops.while_loop(
            lambda column, tokens, cache, log_likelihood, done: ops.logical_not(ops.all(done)),
            step,
            (ops.min(lengths), tokens, cache, zeros, ops.zeros((rows,), "bool")),
        )
        return {"tokens": tokens, "log_likelihood": log_likelihood}

    def _is_end(self, tokens: Tensor) -> Tensor:
        return ops.any(tokens[:, None] == ops.convert_to_tensor(self.end_tokens, "int32"), axis=1)


def sample_top_p(
    logits: Tensor, banned: Tensor, random: Tensor, temperature: float, top_p: float
) -> Tensor:
    """Sample a token per row from the most likely ones that make up `top_p` of the probability.

    Nucleus sampling (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration") over
    the tokens that are not banned, by inverting the cumulative distribution: a row uses one
    random number, so its token does not depend on the other rows.

    Args:
        logits: Logits, float32 (batch, vocabulary).
        banned: True for tokens that must not be sampled, bool (batch, vocabulary); not all
            tokens of a row.
        random: Random numbers in [0, 1), (batch, 1).
        temperature: Divisor of the logits, above 0; a lower one favors likely tokens.
        top_p: Probability that the candidate tokens make up; 0 for the most likely token only
            (greedy).

    Returns:
        Tokens, int32 (batch,).
    """
    scores = ops.where(banned, -float("inf"), logits / temperature)
    total = ops.logsumexp(scores, axis=-1, keepdims=True)
    best, ids = ops.top_k(scores, k=min(MAX_CHOICES, scores.shape[-1]))
    probabilities = ops.exp(best - total)
    cumulative = ops.cumsum(probabilities, axis=-1)
    # A token is a candidate if those before it don't make up top_p. The first always is.
    candidate = ops.logical_and(cumulative - probabilities < top_p, probabilities > 0)
    number = ops.maximum(ops.sum(ops.cast(candidate, "int32"), axis=-1, keepdims=True), 1)
    mass = ops.take_along_axis(cumulative, number - 1, axis=-1)
    choice = ops.sum(ops.cast(cumulative <= random * mass, "int32"), axis=-1, keepdims=True)
    tokens = ops.take_along_axis(ids, ops.minimum(choice, number - 1), axis=-1)
    return ops.cast(tokens[:, 0], "int32")


def token_log_likelihood(logits: Tensor, tokens: Tensor) -> Tensor:
    """Return the log-likelihoods (batch,) of tokens (batch,) under logits (batch, vocabulary)."""
    chosen = ops.take_along_axis(logits, tokens[:, None], axis=-1)[:, 0]
    return chosen - ops.logsumexp(logits, axis=-1)
