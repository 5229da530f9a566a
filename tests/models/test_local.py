"""The local model against transformers itself: one prompt at a time, unpadded, with eager attention."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM

from residency.core.errors import ModelError, Unsupported, UserError
from residency.core.store import read_manifest
from residency.core.types import Reply
from residency.models.cache import Cache
from residency.models.decode import Sampling, Writer, waves
from residency.models.load import load, of_stage, open_source
from residency.models.local import open_folder
from residency.models.loops import LOOP, PERIOD, loops
from residency.models.pack import Block
from toy import WORDS

ASKED = [
    "sky ?",
    "the cat is red",
    "blood",
    "one two three one two three",
    "the grass is the sky is blue ?",
    "dog",
    "green ?",
    "three dog blue the",
]
PROMPTS = [[{"role": "user", "content": text}] for text in ASKED]
SHOTS = [
    {"role": "user", "content": "blood ?"},
    {"role": "assistant", "content": "red"},
    {"role": "user", "content": "grass ?"},
    {"role": "assistant", "content": "green"},
]


@pytest.fixture
def model(toy_base):
    """The toy, whose turns end with the word "grass": its replies then have many lengths."""
    model = open_source(of_stage(toy_base), type="fp32")
    model.tokenizer.add_special_tokens({"eos_token": "grass"})
    return model


def eager(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


@pytest.fixture
def oracle(toy_base):
    """The same weights in transformers' own hands."""
    return eager(read_manifest(toy_base)["model"]["path"])


def generated_alone(net, model, messages, max_tokens):
    """Return transformers' greedy reply to one prompt."""
    ids = torch.tensor([model.encode_prompt(messages)])
    with torch.inference_mode():
        out = net.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_tokens,
            do_sample=False,
            eos_token_id=model.end,
            pad_token_id=model.end,
            return_dict_in_generate=True,
            output_logits=True,
        )
    new = out.sequences[0, ids.shape[1] :].tolist()
    logprob = sum(float(step[0].log_softmax(-1)[token]) for step, token in zip(out.logits, new, strict=True))
    finish = "stop" if new[-1] == model.end else "length"
    return Reply(model.tokenizer.decode(new, skip_special_tokens=True), len(new), finish, logprob)


def same(one, other):
    """Return whether two replies are equal, their log-probabilities up to the order of summing."""
    assert one.logprob == pytest.approx(other.logprob, abs=1e-3)
    return replace(one, logprob=None) == replace(other, logprob=None)


def test_every_reply_is_the_one_transformers_gives_to_that_prompt_alone(model, oracle):
    replies = model.generate(PROMPTS, max_tokens=12)
    assert len({reply.tokens for reply in replies}) >= 4, "the replies should end at different places"
    for messages, reply in zip(PROMPTS, replies, strict=True):
        assert same(reply, generated_alone(oracle, model, messages, 12))


def test_a_finished_row_leaves_the_batch_and_the_others_do_not_notice(model, monkeypatch):
    sizes = []
    states = type(model).states

    def counted(self, ids, positions, **kwargs):
        if "layout" not in kwargs:
            sizes.append(ids.shape[1])
        return states(self, ids, positions, **kwargs)

    alone = [model.generate([p], max_tokens=12)[0] for p in PROMPTS]
    monkeypatch.setattr(type(model), "states", counted)
    together = model.generate(PROMPTS, max_tokens=12)
    assert [r.text for r in together] == [r.text for r in alone]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] < sizes[0]
    lengths = [r.tokens for r in together]
    assert sizes == [sum(length > step for length in lengths) for step in range(1, max(lengths))]


def test_small_batches_give_the_replies_of_large_ones_in_the_order_asked(model):
    assert [r.text for r in model.generate(PROMPTS, max_tokens=8, rows=3)] == [
        r.text for r in model.generate(PROMPTS, max_tokens=8)
    ]


def test_a_prefix_is_the_same_as_its_turns_written_out(model):
    prefix = model.encode_prompt(SHOTS, reply=False)
    short = model.generate(PROMPTS, max_tokens=10, prefix=prefix)
    long = model.generate([[*SHOTS, *p] for p in PROMPTS], max_tokens=10)
    assert [r.text for r in short] == [r.text for r in long]
    assert [r.logprob for r in short] == pytest.approx([r.logprob for r in long], abs=1e-4)
    assert [r.text for r in short] != [r.text for r in model.generate(PROMPTS, max_tokens=10)]


def test_scores_behind_a_prefix_are_those_of_its_turns_written_out(model):
    prefix = model.encode_prompt(SHOTS, reply=False)
    options = [model.encode(a) for a in ("blue", "red dog", "the sky is")]
    blocks = [Block(model.encode_prompt(p), options, [3 * i, 3 * i + 1, 3 * i + 2]) for i, p in enumerate(PROMPTS)]
    written = [Block([*prefix, *b.context], b.branches, b.owners) for b in blocks]
    short, long = model.score(blocks, prefix=prefix), model.score(written)
    assert short.keys() == long.keys() == set(range(3 * len(PROMPTS)))
    for owner in short:
        assert short[owner].logprobs == pytest.approx(long[owner].logprobs, abs=1e-4)


def test_log_likelihoods_are_those_of_eager_attention(model, oracle):
    answers = ["blue", "red", "the dog is one", "sky sky", "three", "cat ?", "green", "grass is"]
    for messages, answer, scores in zip(PROMPTS, answers, model.loglik(PROMPTS, answers), strict=True):
        context, wanted = model.encode_prompt(messages), model.encode(answer)
        with torch.inference_mode():
            table = oracle(torch.tensor([context + wanted])).logits[0].log_softmax(-1)
        rows = table[len(context) - 1 : -1]
        assert scores.logprobs == pytest.approx([float(r[t]) for r, t in zip(rows, wanted, strict=True)], abs=2e-5)
        assert scores.greedy == [int(r.argmax()) == t for r, t in zip(rows, wanted, strict=True)]
        assert scores.total == pytest.approx(sum(scores.logprobs))


def test_rows_longer_than_the_pass_are_scored_all_the_same(model):
    wide = model.loglik(PROMPTS, ASKED)
    narrow = replace(model, row=8).loglik(PROMPTS, ASKED)
    assert [s.logprobs for s in narrow] == [pytest.approx(s.logprobs, abs=1e-5) for s in wide]


def test_an_empty_answer_scores_nothing(model):
    empty, word = model.loglik(PROMPTS[:2], ["", "red"])
    assert empty.logprobs == [] and empty.total == 0 and len(word.logprobs) == 1


def test_no_prompt_gives_no_reply(model):
    assert model.generate([], max_tokens=4) == [] and model.loglik([], []) == []


def test_sampling_is_repeated_by_its_seed_and_changed_by_another(model):
    def sampled(seed):
        return [r.text for r in model.generate(PROMPTS, max_tokens=10, temperature=1.5, seed=seed)]

    assert sampled(1) == sampled(1) != sampled(2)


def test_several_replies_a_prompt_stand_together_and_differ(model):
    replies = model.generate(PROMPTS[:2], max_tokens=10, temperature=1.5, seed=1, n=4)
    assert len(replies) == 8 and len({r.text for r in replies[:4]}) > 1
    greedy = model.generate(PROMPTS[:2], max_tokens=10, n=2)
    assert greedy[0] == greedy[1] and greedy[2] == greedy[3] and greedy[0] != greedy[2]


def test_sampled_words_follow_the_probabilities(model):
    context = model.encode_prompt(PROMPTS[0])
    with torch.inference_mode():
        scores = model.score([Block(context, [[i] for i in range(len(WORDS))], list(range(len(WORDS))))])
    wanted = torch.tensor([scores[i].total for i in range(len(WORDS))]).exp()
    assert float(wanted.sum()) == pytest.approx(1, abs=1e-4)
    drawn = model.generate(PROMPTS[:1], max_tokens=1, temperature=1.0, seed=3, n=2000, rows=2000)
    logprobs = torch.tensor([r.logprob for r in drawn])
    shares = torch.tensor([float((logprobs - w.log()).abs().lt(1e-4).float().mean()) for w in wanted])
    assert float((shares - wanted).abs().max()) < 0.04


@pytest.mark.parametrize("settings", [{}, {"stop": ("sky",)}, {"temperature": 1.5, "seed": 5}])
def test_a_stream_pieced_together_is_the_generated_reply(model, settings):
    for messages in PROMPTS:
        [reply] = model.generate([messages], max_tokens=12, **settings)
        assert "".join(model.stream(messages, max_tokens=12, **settings)) == reply.text


def test_a_stop_text_that_comes_in_two_pieces_is_held_back_by_a_stream(model):
    [whole] = model.generate(PROMPTS[1:2], max_tokens=8)
    words = whole.text.split(" ")
    stop = f"{words[1]} {words[2]}"
    pieces = list(model.stream(PROMPTS[1], max_tokens=8, stop=(stop,)))
    assert "".join(pieces) == whole.text[: whole.text.index(stop)]


def test_a_stream_can_be_left_early(model):
    stream = model.stream(PROMPTS[1], max_tokens=12)
    first = next(stream)
    stream.close()
    assert model.generate(PROMPTS[1:2], max_tokens=1)[0].text == first


def test_a_reply_is_cut_before_the_first_stop_text(model):
    whole = model.generate(PROMPTS, max_tokens=12)
    cut = model.generate(PROMPTS, max_tokens=12, stop=("sky", "three"))
    for a, b in zip(whole, cut, strict=True):
        places = [a.text.index(s) for s in ("sky", "three") if s in a.text]
        assert b.text == (a.text[: min(places)] if places else a.text)
        assert b.finish == "stop" if places else b.finish == a.finish
        assert b.tokens <= a.tokens
    assert any(b.tokens < a.tokens for a, b in zip(whole, cut, strict=True))


@pytest.mark.parametrize("ask", ["generate", "stream"])
def test_a_schema_is_refused_where_the_tokenizer_cannot_be_read_naming_what_follows_one(model, ask):
    with pytest.raises(Unsupported, match="tokenizer.*gguf"):
        list(getattr(model, ask)(PROMPTS[0] if ask == "stream" else PROMPTS, max_tokens=2, schema={"type": "array"}))


def test_sentence_vectors_are_refused_naming_what_gives_them(model):
    with pytest.raises(Unsupported, match="encoder such as minilm"):
        model.embed(["sky"])


def test_an_unknown_precision_is_refused_naming_the_legal_ones(toy_base):
    with pytest.raises(UserError, match="auto, fp32, bf16"):
        open_source(of_stage(toy_base), type="fp8")


def test_a_folder_that_is_no_causal_model_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
    with pytest.raises(ModelError, match="no causal language model could be read"):
        open_folder(tmp_path, name="x", hash="")


def test_the_packaged_model_replies_as_transformers_does():
    model = load("smollm2-135m", type="fp32")
    prompts = [[{"role": "user", "content": q}] for q in ("What is microcephaly?", "Name 3 colours.")]
    net = eager(model.net.config._name_or_path)
    for messages, reply in zip(prompts, model.generate(prompts, max_tokens=6), strict=True):
        assert same(reply, generated_alone(net, model, messages, 6))
        assert "".join(model.stream(messages, max_tokens=6)) == reply.text


def test_a_stream_holds_back_half_a_letter_and_shows_all_in_the_end(monkeypatch):
    model = load("smollm2-135m", type="fp32")
    ids = model.encode("a 🦴🦷 x")
    halves = [model.tokenizer.decode(ids[:last]).endswith("\ufffd") for last in range(1, len(ids) + 1)]
    assert any(halves) and not halves[-1]
    for last in range(1, len(ids) + 1):
        monkeypatch.setattr(Writer, "tokens", lambda *_, until=last: iter(ids[:until]))
        pieces = list(model.stream(PROMPTS[0], max_tokens=9))
        assert "".join(pieces) == model.tokenizer.decode(ids[:last])
        assert not any("\ufffd" in piece for piece in pieces[:-1])


def test_long_prompts_are_written_fewer_at_once_and_the_longest_first():
    lengths = [10, 10, 40, 60, 200]
    assert list(waves(lengths, rows=3, room=60)) == [([4], 1), ([3, 2], 1), ([0, 1], 2)]
    assert list(waves(lengths, rows=3, room=120)) == [([4], 1), ([3, 2, 0, 1], 2)]  # two of the three have room
    assert list(waves([9] * 5, rows=3, room=120)) == [([0, 1, 2, 3, 4], 3)]
    assert list(waves([], rows=3, room=120)) == []


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_prompts_that_wait_for_a_slot_get_the_replies_of_those_that_do_not(model, rows):
    many = [*PROMPTS, *(list(reversed(PROMPTS)))]
    together, waited = model.generate(many, max_tokens=12), model.generate(many, max_tokens=12, rows=rows)
    assert all(same(a, b) for a, b in zip(together, waited, strict=True))


def test_a_row_that_leaves_early_is_replaced_before_the_batch_is_done(model, monkeypatch):
    seen = []
    read = Writer.read
    monkeypatch.setattr(
        Writer, "read", lambda self, p, cache: (seen.append(len(cache.lengths)), read(self, p, cache))[1]
    )
    model.generate(PROMPTS * 3, max_tokens=12, rows=4)
    assert seen[0] == 0 and any(alive > 0 for alive in seen)


def test_no_row_is_written_further_while_a_slot_is_free_and_a_prompt_waits(model, monkeypatch):
    read, written = [], []
    reading, writing = Writer.read, Writer.next
    monkeypatch.setattr(Writer, "read", lambda self, p, cache: (read.extend(p), reading(self, p, cache))[1])
    monkeypatch.setattr(
        Writer, "next", lambda self, c, cache: (written.append((len(read), len(c))), writing(self, c, cache))[1]
    )
    model.generate(PROMPTS * 3, max_tokens=12, rows=4)
    assert {rows for before, rows in written if before < 24} == {4}
    assert any(rows < 4 for before, rows in written if before == 24)


def test_a_reply_that_only_repeats_itself_is_ended_where_that_is_asked(model):
    def ended(tokens, **settings):
        asked = Sampling(400, **settings)
        return Writer(model.net, model.states, model.tokenizer, model.end, asked, Cache(), 0).ended(tokens, -1.0)

    word, other = model.encode("sky")[0], model.encode("red")[0]
    looping = [word, other] * 80
    assert ended(looping, end_loops=True) == Reply("sky red " * 79 + "sky red", 160, "loop", -1.0)
    assert ended(looping) is None and ended(looping[:-1], end_loops=True) is None  # looked at now and then
    assert ended([*looping[:-1], word], end_loops=True) is None


def test_a_loop_is_a_long_tail_with_a_short_period():
    start = list(range(1000, 1100))
    assert loops(start + [7] * (LOOP + PERIOD)) and loops(start + [1, 2, 3] * LOOP)
    assert not loops([7] * LOOP) and not loops(start + list(range(LOOP + PERIOD)))
    assert loops(list(range(PERIOD)) * 4) and not loops(list(range(PERIOD + 1)) * 4)
