"""Writes captions, questions and answers with a language model, and keeps only correct ones.

A text that the boxes of the photo don't confirm, or that is unlikely under the model, is written
again, in several versions. Of those that are correct, the likeliest is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from fruit_caption.datagen.language_model import prompts
from fruit_caption.datagen.language_model.generation import Completion, Generator
from fruit_caption.datagen.language_model.presets import is_trained_on_prompts, load_preset
from fruit_caption.datagen.language_model.prompts import END, PROMPT_VERSION, Task
from fruit_caption.datagen.language_model.requests import GenerationStats, Text, TextRequest
from fruit_caption.datagen.language_model.tokens import TokenMasks

CANDIDATES = (1, 2, 6)
"""Number of completions per text at each attempt. Most are correct and likely, so a second one
would rarely be used; after a failure, several fill a batch."""

MIN_LOG_LIKELIHOOD = -0.75
"""Mean log-likelihood per token of a text that is kept although it is the only one written. The
15 % below are often ungrammatical; where several are written, the likeliest is usually better."""

PROMPT_SIZES = (24, 64)
"""Lengths to which prompts are padded, in tokens. A short one is faster."""

MAX_NEW_TOKENS = 40
"""Maximum length of a text, in tokens."""

BATCH_SIZE = 64
"""Number of completions that are generated at once."""

TEMPERATURE, TOP_P = 0.9, 0.95


class LanguageModelWriter:
    """Writes the requested texts with a causal language model.

    A text depends only on the seed, the photo and the request, so a run that was interrupted
    continues with the same texts. Pickling stores the name of the preset, not the weights.

    Args:
        preset: See `presets.load_preset`.
        seed: Random seed.

    Raises:
        WriterError: If the preset can't be loaded.
    """

    def __init__(self, preset: str, seed: int) -> None:
        self.preset, self.seed = preset, seed
        self._model = load_preset(preset)
        self._is_trained = is_trained_on_prompts(preset)
        self._token_masks = TokenMasks(self._model.preprocessor.tokenizer, END)
        self._generators: dict[tuple[str, int], Generator] = {}

    def __reduce__(self) -> tuple[Callable[..., LanguageModelWriter], tuple[str, int]]:
        return LanguageModelWriter, (self.preset, self.seed)

    def metadata(self) -> dict[str, Any]:
        """Return everything that the texts depend on, for `qa.json`."""
        return {
            "writer": self.preset,
            "prompt_version": PROMPT_VERSION,
            "seed": self.seed,
            "sampler": {
                "temperature": TEMPERATURE,
                "top_p": TOP_P,
                "candidates": list(CANDIDATES),
                "min_log_likelihood": MIN_LOG_LIKELIHOOD,
                "new_tokens": MAX_NEW_TOKENS,
            },
        }

    def generate(self, requests: Sequence[TextRequest]) -> tuple[list[Text], GenerationStats]:
        """Write the requested texts.

        No text is used twice for the same photo.

        Returns:
            A text for each request, None where no correct one was generated; and statistics.
        """
        texts: list[Text] = [None] * len(requests)
        stats = GenerationStats(tokens=-self._tokens())
        used: set[tuple[str, str]] = set()
        for attempt, number in enumerate(CANDIDATES):
            missing = [index for index, text in enumerate(texts) if text is None]
            completions = self._complete([requests[i] for i in missing], attempt, number)
            for index, candidates in zip(missing, completions, strict=True):
                texts[index] = _select(requests[index], candidates, used, stats)
        stats.tokens += self._tokens()
        return texts, stats

    def _tokens(self) -> int:
        return sum(generator.tokens for generator in self._generators.values())

    def _complete(
        self, requests: Sequence[TextRequest], attempt: int, number: int
    ) -> list[list[Completion]]:
        """Return some completions for each request, none if its prompt is too long."""
        if not requests:
            return []
        texts, masks = [], []
        for request in requests:
            counts = request.photo.counts()
            texts.append(prompts.prompt(request.task, counts, request.fruit))
            wrong = prompts.wrong_words(counts, request.task, request.fruit, request.value)
            masks.append(self._token_masks.words(wrong) | self._token_masks.non_text)
        lengths = [len(tokens) for tokens in self._model.preprocessor.tokenizer(texts)]
        groups: dict[tuple[str, int], list[int]] = {}
        for i, (request, length) in enumerate(zip(requests, lengths, strict=True)):
            size = next((size for size in PROMPT_SIZES if length <= size), None)
            if size:
                groups.setdefault((self._prefix(request.task), size), []).append(i)
        completions: list[list[Completion]] = [[] for _ in requests]
        for group, members in groups.items():
            numbered = [(i, copy) for i in members for copy in range(number)]
            generated = self._generator(*group).generate(
                [texts[i] for i, _ in numbered],
                [masks[i] for i, _ in numbered],
                [_random_key(self.seed, requests[i], attempt, copy) for i, copy in numbered],
            )
            for (i, _), completion in zip(numbered, generated, strict=True):
                completions[i].append(completion)
        return completions

    def _prefix(self, task: Task) -> str:
        """The examples in front of the prompts of a task.

        A model that was trained on these prompts needs only one line before its own, of any task;
        then all tasks share batches.
        """
        return prompts.few_shot("caption", 1) if self._is_trained else prompts.few_shot(task)

    def _generator(self, prefix: str, prompt_size: int) -> Generator:
        key = prefix, prompt_size
        if key not in self._generators:
            self._generators[key] = Generator(
                self._model,
                prefix=prefix,
                max_prompt_tokens=prompt_size,
                max_new_tokens=MAX_NEW_TOKENS,
                batch_size=BATCH_SIZE,
                temperature=TEMPERATURE,
                top_p=TOP_P,
                stop=END,
                seed=self.seed,
            )
        return self._generators[key]


def _select(
    request: TextRequest,
    completions: Sequence[Completion],
    used: set[tuple[str, str]],
    stats: GenerationStats,
) -> Text:
    """Return the most likely correct text that its photo doesn't have yet, or None.

    The only completion of a text must also be likely enough.

    It is added to `used`, pairs of photo and text, and the completions are counted in `stats`.
    """
    correct: dict[str, tuple[float, Text]] = {}
    for completion in completions:
        stats.written[request.task] += 1
        text = request.verify(completion.text) if completion.ended else None
        if text is not None:
            stats.accepted[request.task] += 1
            if len(completions) > 1 or completion.log_likelihood >= MIN_LOG_LIKELIHOOD:
                correct[completion.text.strip()] = completion.log_likelihood, text
    for words, (_, text) in sorted(correct.items(), key=lambda item: (-item[1][0], item[0])):
        if (request.name, words) not in used:
            used.add((request.name, words))
            return text
    return None


def _random_key(seed: int, request: TextRequest, attempt: int, copy: int) -> int:
    """Return a key that differs between all completions."""
    parts = (seed, request.name, request.task, request.fruit, attempt, copy)
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7], "big")
