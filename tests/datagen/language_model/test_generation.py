"""A tiny GPT-2 with random weights writes what plain `generate` would, faster and within bounds."""

import keras
import keras_nlp
import numpy as np
import pytest
from keras import ops

from fruit_caption.datagen.language_model.generation import Generator, banned_tokens, never
from fruit_caption.datagen.language_model.sampling import draw

PREFIX = "two figs: some figs\nno fig: nothing\n"
PROMPTS = ["a fig:", "two big figs and a plum:", "plum:", "figs, figs and figs:", "a"]
SETTINGS = {"prompt_tokens": 16, "new_tokens": 7}


@pytest.fixture(scope="module")
def tokenizer():
    letters = [*"abcdefghijklmnopqrstuvwxyz,:.0123F", "Ġ", "Ċ", "Ã", "©"]
    merges = ["f i", "fi g", "Ġ fig", "Ġfig s", "F i", "Fi g", "p l", "pl u", "plu m", "Ċ Ċ"]
    merges += ["Ġ a", "Ġ plum", "t w", "tw o", "Ġ two"]
    known = [*letters, *(merge.replace(" ", "") for merge in merges), "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(known)}
    return keras_nlp.models.GPT2Tokenizer(vocabulary=vocabulary, merges=merges)


@pytest.fixture(scope="module")
def model(tokenizer):
    """A model that minds what it reads: weights ten times larger than a new model's."""
    backbone = keras_nlp.models.GPT2Backbone(
        # Some room more than there are tokens, as in many models.
        vocabulary_size=tokenizer.vocabulary_size() + 3,
        num_layers=2,
        num_heads=2,
        hidden_dim=32,
        intermediate_dim=64,
        max_sequence_length=96,
    )
    chance = np.random.default_rng(5)
    for weight in backbone.weights:
        weight.assign(chance.normal(0, 0.2, weight.shape))
    model = keras_nlp.models.GPT2CausalLM(
        backbone, keras_nlp.models.GPT2CausalLMPreprocessor(tokenizer, sequence_length=96)
    )
    model.compile(sampler="greedy", run_eagerly=True)
    return model


@pytest.fixture(scope="module")
def greedy(model):
    return Generator(model, PREFIX, batch_size=3, top_p=0, **SETTINGS)


@pytest.fixture(scope="module")
def generator(model):
    return Generator(model, PREFIX, batch_size=3, temperature=2.0, **SETTINGS)


@pytest.fixture
def free(tokenizer):
    """A mask that bans nothing."""
    return np.zeros(tokenizer.vocabulary_size(), bool)


def write(generator, prompts, mask, keys=None):
    return generator.generate(prompts, [mask] * len(prompts), keys or range(len(prompts)))


def token_of(tokenizer, text):
    (token,) = tokenizer([text])[0]
    return token


def test_greedy_drafts_are_those_of_plain_generate(greedy, model, tokenizer, free):
    whole = [PREFIX + prompt for prompt in PROMPTS]
    longest = max(len(tokens) + 1 for tokens in tokenizer(whole))
    plain = model.generate(
        whole,
        max_length=longest + SETTINGS["new_tokens"],
        stop_token_ids=list(greedy.ends),
    )
    drafts = write(greedy, PROMPTS, free)
    for text, read, draft in zip(plain, whole, drafts, strict=True):
        # Where a prompt is shorter than others, `generate` writes more than was asked for.
        new = text.removeprefix(read)
        assert new.removesuffix("\n") == draft.text if draft.ended else new.startswith(draft.text)
    assert len({draft.text for draft in drafts}) > 2


def test_likelihood_is_the_models_own(generator, model, tokenizer, free):
    # Letters that don't merge, so that the text has the tokens that were written.
    mask = ~free
    mask[[token_of(tokenizer, text) for text in ("q", "x", "y", "z", "\n")]] = False
    drafts = write(generator, PROMPTS, mask)
    assert {draft.ended for draft in drafts} == {True, False}
    for prompt, draft in zip(PROMPTS, drafts, strict=True):
        read = [tokenizer.start_token_id, *tokenizer([PREFIX + prompt])[0]]
        written = tokenizer([draft.text])[0] if draft.text else []
        ids = np.array([[*read, *written, *([generator.stop] if draft.ended else [])]])
        logits = model({"token_ids": ids, "padding_mask": np.ones_like(ids)})[0]
        steps = ops.convert_to_numpy(keras.activations.log_softmax(logits))[len(read) - 1 : -1]
        chosen = ids[0, len(read) :]
        expected = np.mean([step[token] for step, token in zip(steps, chosen, strict=True)])
        assert draft.likelihood == pytest.approx(expected, abs=1e-4)


def test_drafts_end_at_the_stop_or_are_cut_off(generator, tokenizer, free):
    before = generator.tokens
    drafts = write(generator, ["a fig:"] * 60, free)
    ended = [draft for draft in drafts if draft.ended]
    assert 0 < len(ended) < len(drafts)
    assert not any("\n" in draft.text.replace("\n\n", "") for draft in ended)
    only_stop = ~free
    only_stop[generator.stop] = False
    (empty,) = write(generator, ["a fig:"], only_stop)
    assert (empty.text, empty.ended) == ("", True)
    no_end = free.copy()
    no_end[list(generator.ends)] = True
    (cut,) = write(generator, ["a fig:"], no_end)
    assert not cut.ended
    written = generator.tokens - before
    assert 60 + 1 + 7 <= written <= 60 * 7 + 1 + 7


def test_where_all_is_banned_the_draft_ends_at_once(generator, free):
    (draft,) = write(generator, ["a fig:"], ~free)
    assert (draft.text, draft.ended) == ("", True)


def test_banned_tokens_are_never_written(generator, tokenizer, free):
    mask = never(tokenizer) | banned_tokens(tokenizer, ["fig", "plum", "q"])
    allowed = write(generator, ["fig:"] * 60, free)
    assert any("fig" in draft.text for draft in allowed)
    assert any(character.isdigit() for draft in allowed for character in draft.text)
    # Each prompt has a mask of its own: others beside it may write what it may not.
    drafts = generator.generate(["fig:"] * 60, [mask, free] * 30, range(60))
    assert [draft.text for draft in drafts[1::2]] == [draft.text for draft in allowed[1::2]]
    for draft in drafts[::2]:
        words = {tokenizer.id_to_token(token) for token in tokenizer([draft.text])[0]}
        assert not words & {"q", "Ġplum"}
        assert draft.text == draft.text.lower()
        assert draft.text.isascii()
        assert not any(character.isdigit() for character in draft.text)


def test_a_draft_depends_on_its_key_not_its_neighbors(model, generator, free):
    keys = [7, 0, 3, 7000000000, 5]
    together = write(generator, PROMPTS, free, keys)
    alone = [
        draft
        for prompt, key in zip(PROMPTS, keys, strict=True)
        for draft in write(generator, [prompt], free, [key])
    ]
    other = Generator(model, PREFIX, batch_size=5, temperature=2.0, **SETTINGS)
    wide = write(other, PROMPTS[::-1], free, keys[::-1])[::-1]
    texts = [draft.text for draft in together]
    assert texts == [draft.text for draft in alone] == [draft.text for draft in wide]
    assert texts != [draft.text for draft in write(generator, PROMPTS, free, [1, 2, 4, 6, 8])]
    assert [draft.likelihood for draft in together] == pytest.approx(
        [draft.likelihood for draft in wide], abs=1e-4
    )


def test_the_model_is_compiled_once(model, free, monkeypatch):
    calls = []
    plain = model.call_with_cache
    monkeypatch.setattr(
        model, "call_with_cache", lambda *args: calls.append(args[0].shape) or plain(*args)
    )
    generator = Generator(model, PREFIX, batch_size=2, **SETTINGS)
    for prompts in (PROMPTS[:2], PROMPTS, PROMPTS[:1]):
        write(generator, prompts, free)
    prefix, prompts, step = calls
    assert prefix[0] == 1
    assert tuple(prompts) == (2, SETTINGS["prompt_tokens"])
    assert tuple(step) == (2, 1)


def test_nothing_is_written_for_no_prompts(generator):
    assert generator.generate([], [], []) == []


@pytest.mark.parametrize(("prompt", "tokens"), [("big " * 9, 36), ("", 0)])
def test_a_prompt_must_fit(generator, free, prompt, tokens):
    with pytest.raises(ValueError, match=f"1 to 16 tokens; this has {tokens}"):
        write(generator, ["a fig:", prompt], free)


def test_prefix_and_draft_must_fit_the_model(model):
    with pytest.raises(ValueError, match="more than the 96 tokens"):
        Generator(model, PREFIX, prompt_tokens=40, new_tokens=40)


def test_a_stop_is_one_token(model):
    with pytest.raises(ValueError, match="'end' is 3 tokens"):
        Generator(model, PREFIX, stop="end", **SETTINGS)


def test_banned_tokens_are_whole_words(tokenizer):
    mask = banned_tokens(tokenizer, ["FIG", "plum", "strawberry"])
    banned = {tokenizer.id_to_token(int(token)) for token in np.flatnonzero(mask)}
    assert banned == {"fig", "Ġfig", "Fig", "plum", "Ġplum"}


def test_never_leaves_plain_text(tokenizer):
    left = {tokenizer.id_to_token(int(token)) for token in np.flatnonzero(~never(tokenizer))}
    assert {"<|endoftext|>", "Ċ", "Ġfigs", "fig", ",", "Ġ"} <= left
    assert not left & {"ĊĊ", "Fig", "F", "0", "Ã", "©"}


def test_draw_takes_from_the_likeliest_only():
    probabilities = np.array([0.1, 0.5, 0.15, 0.25])
    chances = np.linspace(0, 1, 400, endpoint=False, dtype="float32")[:, None]
    logits = np.tile(np.log(probabilities).astype("float32"), (400, 1))
    banned = np.zeros((400, 4), bool)

    def shares(banned, temperature=1.0, top_p=1.0):
        drawn = ops.convert_to_numpy(draw(logits, banned, chances, temperature, top_p))
        return np.bincount(drawn, minlength=4) / 400

    assert shares(banned) == pytest.approx(probabilities, abs=0.01)
    assert shares(banned, top_p=0.7) == pytest.approx([0, 2 / 3, 0, 1 / 3], abs=0.01)
    assert shares(banned, top_p=0) == pytest.approx([0, 1, 0, 0])
    squared = probabilities**2 / sum(probabilities**2)
    assert shares(banned, temperature=0.5) == pytest.approx(squared, abs=0.01)
    banned[:, 1] = True
    assert shares(banned) == pytest.approx([0.2, 0, 0.3, 0.5], abs=0.01)
    assert shares(banned, top_p=0.7) == pytest.approx([0, 0, 0.375, 0.625], abs=0.01)
