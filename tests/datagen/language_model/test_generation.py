"""Generation with a tiny GPT-2 with random weights, compared with KerasHub's `generate`."""

import keras
import keras_nlp
import numpy as np
import pytest
from keras import ops

from fruit_caption.datagen.language_model.generation import Generator
from fruit_caption.datagen.language_model.sampling import sample_top_p
from fruit_caption.datagen.language_model.tokens import TokenMasks

PREFIX = "two figs: some figs\nno fig: nothing\n"
PROMPTS = ["a fig:", "two big figs and a plum:", "plum:", "figs, figs and figs:", "a"]
MAX_NEW_TOKENS = 7
SETTINGS = {"max_prompt_tokens": 16, "max_new_tokens": MAX_NEW_TOKENS}


@pytest.fixture(scope="module")
def tokenizer():
    letters = [*"abcdefghijklmnopqrstuvwxyz,:.0123F", "Ġ", "Ċ", "Ã", "©"]
    merges = ["f i", "fi g", "Ġ fig", "Ġfig s", "F i", "Fi g", "p l", "pl u", "plu m", "Ċ Ċ"]
    merges += ["Ġ a", "Ġ plum", "t w", "tw o", "Ġ two"]
    tokens = [*letters, *(merge.replace(" ", "") for merge in merges), "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return keras_nlp.models.GPT2Tokenizer(vocabulary=vocabulary, merges=merges)


@pytest.fixture(scope="module")
def model(tokenizer):
    """A model with ten times larger weights than usual, so that its output depends on the input."""
    backbone = keras_nlp.models.GPT2Backbone(
        # Larger than the tokenizer's vocabulary, as in many models.
        vocabulary_size=tokenizer.vocabulary_size() + 3,
        num_layers=2,
        num_heads=2,
        hidden_dim=32,
        intermediate_dim=64,
        max_sequence_length=96,
    )
    rng = np.random.default_rng(5)
    for weight in backbone.weights:
        weight.assign(rng.normal(0, 0.2, weight.shape))
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


@pytest.fixture(scope="module")
def masks(tokenizer):
    return TokenMasks(tokenizer, "\n")


@pytest.fixture
def no_ban(tokenizer):
    """A mask that bans nothing."""
    return np.zeros(tokenizer.vocabulary_size(), bool)


def generate(generator, prompts, mask, keys=None):
    return generator.generate(prompts, [mask] * len(prompts), keys or range(len(prompts)))


def texts_of(completions):
    return [completion.text for completion in completions]


def token_of(tokenizer, text):
    (token,) = tokenizer([text])[0]
    return token


def test_greedy_completions_equal_those_of_kerashub(greedy, model, tokenizer, no_ban):
    whole = [PREFIX + prompt for prompt in PROMPTS]
    longest = max(len(tokens) + 1 for tokens in tokenizer(whole))
    plain = model.generate(
        whole,
        max_length=longest + MAX_NEW_TOKENS,
        stop_token_ids=list(greedy.end_tokens),
    )
    completions = generate(greedy, PROMPTS, no_ban)
    for text, read, completion in zip(plain, whole, completions, strict=True):
        # `generate` continues after the maximum if other prompts are longer.
        new = text.removeprefix(read)
        assert new.startswith(completion.text)
        assert not completion.ended or new.removesuffix("\n") == completion.text
    assert len(set(texts_of(completions))) > 2


def test_log_likelihood_is_that_of_the_model(generator, model, tokenizer, no_ban):
    # Letters that don't merge, so that the text is tokenized as it was generated.
    mask = ~no_ban
    mask[[token_of(tokenizer, text) for text in ("q", "x", "y", "z", "\n")]] = False
    completions = generate(generator, PROMPTS, mask)
    assert {completion.ended for completion in completions} == {True, False}
    for prompt, completion in zip(PROMPTS, completions, strict=True):
        read = [tokenizer.start_token_id, *tokenizer([PREFIX + prompt])[0]]
        written = tokenizer([completion.text])[0] if completion.text else []
        ids = np.array([[*read, *written, *([generator.stop] if completion.ended else [])]])
        logits = model({"token_ids": ids, "padding_mask": np.ones_like(ids)})[0]
        steps = ops.convert_to_numpy(keras.activations.log_softmax(logits))[len(read) - 1 : -1]
        chosen = ids[0, len(read) :]
        expected = np.mean([step[token] for step, token in zip(steps, chosen, strict=True)])
        assert completion.log_likelihood == pytest.approx(expected, abs=1e-4)


def test_completions_end_at_the_stop_token_or_are_cut_off(generator, tokenizer, no_ban):
    before = generator.tokens
    completions = generate(generator, ["a fig:"] * 60, no_ban)
    ended = [completion for completion in completions if completion.ended]
    assert 0 < len(ended) < len(completions)
    assert not any("\n" in completion.text.replace("\n\n", "") for completion in ended)
    only_stop = ~no_ban
    only_stop[generator.stop] = False
    (empty,) = generate(generator, ["a fig:"], only_stop)
    assert (empty.text, empty.ended) == ("", True)
    no_end = no_ban.copy()
    no_end[list(generator.end_tokens)] = True
    (cut,) = generate(generator, ["a fig:"], no_end)
    assert not cut.ended
    written = generator.tokens - before
    assert 60 + 1 + 7 <= written <= 60 * 7 + 1 + 7


def test_with_all_tokens_banned_the_completion_is_empty(generator, no_ban):
    (completion,) = generate(generator, ["a fig:"], ~no_ban)
    assert (completion.text, completion.ended) == ("", True)


def test_banned_tokens_are_not_generated(generator, tokenizer, masks, no_ban):
    mask = masks.non_text | masks.words(["fig", "plum", "q"])
    allowed = generate(generator, ["fig:"] * 60, no_ban)
    assert any("fig" in completion.text for completion in allowed)
    assert any(character.isdigit() for completion in allowed for character in completion.text)
    # Each prompt has its own mask.
    completions = generator.generate(["fig:"] * 60, [mask, no_ban] * 30, range(60))
    assert texts_of(completions[1::2]) == texts_of(allowed[1::2])
    for completion in completions[::2]:
        words = {tokenizer.id_to_token(token) for token in tokenizer([completion.text])[0]}
        assert not words & {"q", "Ġplum"}
        assert completion.text == completion.text.lower()
        assert completion.text.isascii()
        assert not any(character.isdigit() for character in completion.text)


def test_a_completion_depends_on_its_key_and_not_on_the_batch(model, generator, no_ban):
    keys = [7, 0, 3, 7000000000, 5]
    together = generate(generator, PROMPTS, no_ban, keys)
    alone = [
        completion
        for prompt, key in zip(PROMPTS, keys, strict=True)
        for completion in generate(generator, [prompt], no_ban, [key])
    ]
    other = Generator(model, PREFIX, batch_size=5, temperature=2.0, **SETTINGS)
    wide = generate(other, PROMPTS[::-1], no_ban, keys[::-1])[::-1]
    assert texts_of(together) == texts_of(alone) == texts_of(wide)
    other_keys = generate(generator, PROMPTS, no_ban, [1, 2, 4, 6, 8])
    assert texts_of(together) != texts_of(other_keys)
    assert [completion.log_likelihood for completion in together] == pytest.approx(
        [completion.log_likelihood for completion in wide], abs=1e-4
    )


def test_the_model_is_compiled_once(model, no_ban, monkeypatch):
    calls = []
    plain = model.call_with_cache
    monkeypatch.setattr(
        model, "call_with_cache", lambda *args: calls.append(args[0].shape) or plain(*args)
    )
    generator = Generator(model, PREFIX, batch_size=2, **SETTINGS)
    for prompts in (PROMPTS[:2], PROMPTS, PROMPTS[:1]):
        generate(generator, prompts, no_ban)
    prefix, prompts, step = calls
    assert prefix[0] == 1
    assert tuple(prompts) == (2, SETTINGS["max_prompt_tokens"])
    assert tuple(step) == (2, 1)


def test_no_prompts_give_no_completions(generator):
    assert generator.generate([], [], []) == []


@pytest.mark.parametrize(("prompt", "tokens"), [("big " * 9, 36), ("", 0)])
def test_a_prompt_must_fit(generator, no_ban, prompt, tokens):
    with pytest.raises(ValueError, match=f"1 to 16 tokens; this has {tokens}"):
        generate(generator, ["a fig:", prompt], no_ban)


def test_prompt_and_completion_must_fit_the_model(model):
    with pytest.raises(ValueError, match="more than the 96 tokens"):
        Generator(model, PREFIX, max_prompt_tokens=40, max_new_tokens=40)


def test_the_stop_must_be_a_single_token(model):
    with pytest.raises(ValueError, match="'end' is 3 tokens"):
        Generator(model, PREFIX, stop="end", **SETTINGS)


def test_words_masks_whole_words(tokenizer, masks):
    mask = masks.words(["FIG", "plum", "strawberry"])
    banned = {tokenizer.id_to_token(int(token)) for token in np.flatnonzero(mask)}
    assert banned == {"fig", "Ġfig", "Fig", "plum", "Ġplum"}


def test_non_text_allows_plain_text(tokenizer, masks):
    left = {tokenizer.id_to_token(int(token)) for token in np.flatnonzero(~masks.non_text)}
    assert {"<|endoftext|>", "Ċ", "Ġfigs", "fig", ",", "Ġ"} <= left
    assert not left & {"ĊĊ", "Fig", "F", "0", "Ã", "©"}


def test_sample_top_p():
    probabilities = np.array([0.1, 0.5, 0.15, 0.25])
    random = np.linspace(0, 1, 400, endpoint=False, dtype="float32")[:, None]
    logits = np.tile(np.log(probabilities).astype("float32"), (400, 1))
    banned = np.zeros((400, 4), bool)

    def shares(banned, temperature=1.0, top_p=1.0):
        tokens = ops.convert_to_numpy(sample_top_p(logits, banned, random, temperature, top_p))
        return np.bincount(tokens, minlength=4) / 400

    assert shares(banned) == pytest.approx(probabilities, abs=0.01)
    assert shares(banned, top_p=0.7) == pytest.approx([0, 2 / 3, 0, 1 / 3], abs=0.01)
    assert shares(banned, top_p=0) == pytest.approx([0, 1, 0, 0])
    squared = probabilities**2 / sum(probabilities**2)
    assert shares(banned, temperature=0.5) == pytest.approx(squared, abs=0.01)
    banned[:, 1] = True
    assert shares(banned) == pytest.approx([0.2, 0, 0.3, 0.5], abs=0.01)
    assert shares(banned, top_p=0.7) == pytest.approx([0, 0, 0.375, 0.625], abs=0.01)
