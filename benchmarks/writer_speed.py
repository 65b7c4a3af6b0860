"""How many tokens a second a GPT-2 of base size writes: `python benchmarks/writer_speed.py`.

Two ways, in turn: `model.generate` prompt by prompt, and the `Generator`, which reads the prefix
that all prompts share only once and writes batch by batch. Prints medians of some rounds, and how
much memory the process has taken at most after few and after many prompts. The weights are
random: speed doesn't depend on them. It needs about 3 GB of memory.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from statistics import median

import keras_nlp
import numpy as np

from fruit_caption.datagen.language_model.generation import Generator

ROUNDS = 3
PREFIX = "".join(f"{number} plums and a pear\n" for number in range(10, 15))
PROMPT = "{:03} figs, a kiwi"
PLAIN_PROMPTS = 6
PROMPTS = 64
FEW, MANY = 32, 128
PROMPT_TOKENS = len(PROMPT.format(0))
NEW_TOKENS = 24
TOP_P, CHOICES, TEMPERATURE = 0.95, 1024, 0.9
VOCABULARY = 50257


def main() -> None:
    model = gpt2()
    generator = Generator(
        model, PREFIX, PROMPT_TOKENS, NEW_TOKENS, temperature=TEMPERATURE, top_p=TOP_P
    )
    nothing = np.zeros(VOCABULARY, bool)

    def shared(prompts: list[str]) -> int:
        before = generator.tokens
        generator.generate(prompts, [nothing] * len(prompts), range(len(prompts)))
        return generator.tokens - before

    def plain(prompts: list[str]) -> int:
        length = 1 + len(PREFIX) + PROMPT_TOKENS + NEW_TOKENS
        for prompt in prompts:
            model.generate(PREFIX + prompt, max_length=length, stop_token_ids=None)
        return NEW_TOKENS * len(prompts)

    for number in (FEW, MANY):
        shared(prompts(number))
        print(f"{number} prompts, {generator.batch_size} at a time: peak {peak():.2f} GB")
    plain(prompts(1))  # compiles
    rates = [
        (rate(plain, prompts(PLAIN_PROMPTS)), rate(shared, prompts(PROMPTS))) for _ in range(ROUNDS)
    ]
    slow, fast, times = (
        median(column) for column in zip(*((a, b, b / a) for a, b in rates), strict=True)
    )
    print(f"plain {slow:.1f} tokens/s, shared {fast:.1f} tokens/s, {times:.1f} times as fast")
    print("rounds:", ", ".join(f"{plain:.1f} and {shared:.1f}" for plain, shared in rates))


def gpt2() -> keras_nlp.models.GPT2CausalLM:
    """GPT-2 of base size, with random weights and a tokenizer that makes each letter a token."""
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)] + ["Ġ", "Ċ", "~~"]
    others = (f"other{number}" for number in range(VOCABULARY - len(letters) - 1))
    tokens = [*letters, *others, "<|endoftext|>"]
    tokenizer = keras_nlp.models.GPT2Tokenizer(
        vocabulary={token: number for number, token in enumerate(tokens)}, merges=["~ ~"]
    )
    backbone = keras_nlp.models.GPT2Backbone(
        vocabulary_size=VOCABULARY,
        num_layers=12,
        num_heads=12,
        hidden_dim=768,
        intermediate_dim=3072,
    )
    model = keras_nlp.models.GPT2CausalLM(
        backbone, keras_nlp.models.GPT2CausalLMPreprocessor(tokenizer)
    )
    model.compile(sampler=keras_nlp.samplers.TopPSampler(TOP_P, CHOICES, temperature=TEMPERATURE))
    return model


def prompts(number: int) -> list[str]:
    return [PROMPT.format(place) for place in range(number)]


def rate(write: Callable[[list[str]], int], prompts: list[str]) -> float:
    """Tokens a second."""
    start = time.perf_counter()
    return write(prompts) / (time.perf_counter() - start)


def peak() -> float:
    """The most memory that this process has taken so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
