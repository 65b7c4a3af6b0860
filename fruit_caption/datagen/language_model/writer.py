"""A language model that writes about photos; of what it writes, only what the boxes prove stays.

Every text is tried a few times. Of the candidates that the checker lets pass, the one that the
model itself finds likeliest is taken, unless the photo has it already.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

import numpy as np

from fruit_caption.data.qa import MODEL, QAPair
from fruit_caption.data.records import Photo
from fruit_caption.datagen.checker import is_true, is_true_caption
from fruit_caption.datagen.language_model import prompts
from fruit_caption.datagen.language_model.generation import Draft, Generator, banned_tokens, never
from fruit_caption.datagen.language_model.presets import is_taught, load_preset
from fruit_caption.datagen.language_model.prompts import END, PROMPT_VERSION, TASKS, Task
from fruit_caption.datagen.question_specs import QuestionSpec
from fruit_caption.language.questions import Value

CANDIDATES, TRIES = 2, 4
"""How many drafts of a text one try makes, and how often it is tried."""

ROOMS, NEW_TOKENS, BATCH = (32, 64), 40, 64
"""How much room there is for a prompt, usually and at most, how long a text may be, both in tokens,
and how many drafts are written at once. The less room, the faster."""

TEMPERATURE, TOP_P = 0.9, 0.95


class LanguageModelWriter:
    """A causal language model that fulfils requests.

    An author goes to another process as the name of its preset, which is loaded again there.

    Args:
        preset: see `presets.load_preset`.
        seed: of what it draws. A draft depends on it, on the photo and on what is asked, and on
            nothing else, so that a stopped run goes on as if nothing had been.

    Raises:
        WriterError: the preset can't be loaded.
    """

    def __init__(self, preset: str, seed: int) -> None:
        self.preset, self.seed = preset, seed
        self._model = load_preset(preset)
        self._generators: dict[tuple[Task, int], Generator] = {}
        self._bans: dict[frozenset[str], np.ndarray] = {}

    def __reduce__(self) -> tuple[Callable[..., LanguageModelWriter], tuple[str, int]]:
        return LanguageModelWriter, (self.preset, self.seed)

    def about(self) -> dict[str, Any]:
        """All that the words it writes depend on, for `qa.json`."""
        sampler = {"temperature": TEMPERATURE, "top_p": TOP_P, "candidates": CANDIDATES}
        return {
            "writer": self.preset,
            "prompt_version": PROMPT_VERSION,
            "seed": self.seed,
            "sampler": sampler | {"tries": TRIES, "new_tokens": NEW_TOKENS},
        }

    def generate(self, requests: Sequence[TextRequest]) -> tuple[list[Text], Tally]:
        """A proven text for each request, or `None` where none was found; and how it went."""
        texts: list[Text] = [None] * len(requests)
        tally = Tally(tokens=-self._tokens())
        used: set[tuple[str, str]] = set()
        for attempt in range(TRIES):
            for task in TASKS:
                open_ones = [
                    place
                    for place, request in enumerate(requests)
                    if request.task == task and texts[place] is None
                ]
                drafts = self._draft([requests[place] for place in open_ones], task, attempt)
                for place, candidates in zip(open_ones, drafts, strict=True):
                    texts[place] = _best(requests[place], candidates, used, tally)
        tally.tokens += self._tokens()
        return texts, tally

    def _tokens(self) -> int:
        return sum(generator.tokens for generator in self._generators.values())

    def _draft(
        self, requests: Sequence[TextRequest], task: Task, attempt: int
    ) -> list[list[Draft]]:
        """`CANDIDATES` drafts for each request of one task."""
        if not requests:
            return []
        texts = [prompts.prompt(task, each.photo.counts(), each.fruit) for each in requests]
        lengths = [len(tokens) for tokens in self._model.preprocessor.tokenizer(texts)]
        drafts: list[list[Draft]] = [[] for _ in requests]
        # A photo of very many kinds makes a prompt that fits nowhere: the grammar writes then.
        for least, room in pairwise((0, *ROOMS)):
            some = [place for place, length in enumerate(lengths) if least < length <= room]
            written = self._write(
                [requests[place] for place in some], [texts[place] for place in some], room, attempt
            )
            for place, candidates in zip(some, written, strict=True):
                drafts[place] = candidates
        return drafts

    def _write(
        self, requests: Sequence[TextRequest], texts: Sequence[str], room: int, attempt: int
    ) -> list[list[Draft]]:
        """`CANDIDATES` drafts for each request of one task whose prompt has room."""
        if not requests:
            return []
        task = requests[0].task
        asked: list[str] = []
        bans: list[np.ndarray] = []
        keys: list[int] = []
        for request, text in zip(requests, texts, strict=True):
            counts = request.photo.counts()
            ban = self._ban(prompts.wrong_words(counts, task, request.fruit, request.value))
            for candidate in range(CANDIDATES):
                asked.append(text)
                bans.append(ban)
                keys.append(_key(self.seed, request, attempt, candidate))
        drafts = iter(self._generator(task, room).generate(asked, bans, keys))
        return [list(islice(drafts, CANDIDATES)) for _ in requests]

    def _generator(self, task: Task, room: int) -> Generator:
        if (task, room) not in self._generators:
            self._generators[task, room] = Generator(
                self._model,
                # Who has been taught these lines knows them after one example.
                prefix=prompts.few_shot(task, 1 if is_taught(self.preset) else None),
                prompt_tokens=room,
                new_tokens=NEW_TOKENS,
                batch_size=BATCH,
                temperature=TEMPERATURE,
                top_p=TOP_P,
                stop=END,
                seed=self.seed,
            )
        return self._generators[task, room]

    def _ban(self, words: set[str]) -> np.ndarray:
        """The tokens of words that can't be right here, and of those that never are."""
        key = frozenset(words)
        if key not in self._bans:
            tokenizer = self._model.preprocessor.tokenizer
            self._bans[key] = banned_tokens(tokenizer, words) | never(tokenizer)
        return self._bans[key]


def _best(
    request: TextRequest, drafts: Sequence[Draft], used: set[tuple[str, str]], tally: Tally
) -> Text:
    """The likeliest draft that is proven and that its photo doesn't have yet."""
    proven: dict[str, tuple[float, str | QAPair]] = {}
    for draft in drafts:
        tally.written[request.task] += 1
        text = request.proven(draft.text) if draft.ended else None
        if text is not None:
            tally.accepted[request.task] += 1
            proven[draft.text.strip()] = draft.likelihood, text
    for words, (_, text) in sorted(proven.items(), key=lambda pair: (-pair[1][0], pair[0])):
        if (request.name, words) not in used:
            used.add((request.name, words))
            return text
    return None


def _key(seed: int, request: TextRequest, attempt: int, candidate: int) -> int:
    """A number that only this draft has."""
    parts = (seed, request.name, request.task, request.fruit, attempt, candidate)
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7], "big")


Text = str | QAPair | None
"""A caption, a question with its answer, or nothing, where no draft was proven."""


@dataclass
class Tally:
    """How writing went: for each task how many drafts were written and how many of them proven,
    and how many tokens all drafts have.
    """

    written: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    tokens: int = 0

    def add(self, other: Tally) -> None:
        """Count what was written elsewhere, too."""
        self.written += other.written
        self.accepted += other.accepted
        self.tokens += other.tokens


@dataclass(frozen=True)
class TextRequest:
    """A text that is wanted of the model: a caption, or a question with its answer.

    Attributes:
        name: of the photo.
        photo: the photo.
        spec: the question, or `None` for a caption.
    """

    name: str
    photo: Photo
    spec: QuestionSpec | None

    @property
    def task(self) -> Task:
        """What kind of text is wanted."""
        return self.spec.kind if self.spec else "caption"

    @property
    def fruit(self) -> str | None:
        """The fruit that is asked about, if the question is about one."""
        return self.spec.fruit if self.spec else None

    @property
    def value(self) -> Value | None:
        """The right answer; `None` for a caption."""
        return self.spec.value if self.spec else None

    def proven(self, text: str) -> str | QAPair | None:
        """What a draft says, if the boxes prove it: a caption, or a question with its answer."""
        if self.spec is None:
            return text.strip() if is_true_caption(text.strip(), self.photo) else None
        halves = prompts.parted(text)
        if halves is None:
            return None
        item = QAPair(*halves, self.spec.kind, self.spec.fruit, MODEL)
        return item if is_true(item, self.photo) else None
