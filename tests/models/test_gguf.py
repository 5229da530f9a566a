"""A GGUF answers like any other model: in order, to the stop, by the schema; and it scores a text as torch does."""

from __future__ import annotations

import json
import os
import stat

import psutil
import pytest

from residency.core.errors import ModelError, Unsupported
from residency.core.types import Example, Model
from residency.evaluate.schema import schema_of
from residency.models.gguf import GgufModel
from residency.models.weights import SMOLLM2, packaged_base, packaged_file


def chat(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


FEVER, SUM = chat("What is fever?"), chat("What is 2+3?")


@pytest.fixture(scope="module")
def model():
    return GgufModel(packaged_file(SMOLLM2), name="base", context=256, parallel=4, threads=1)


def test_it_is_a_model_with_the_hash_of_its_file(model):
    assert isinstance(model, Model)
    assert (model.name, model.hash) == ("base", SMOLLM2.sha256)


def test_replies_come_in_prompt_order_n_for_each(model):
    replies = model.generate([FEVER, SUM, FEVER], max_tokens=5, n=2)
    assert ["ever" in r.text for r in replies] == [True, True, False, False, True, True]
    assert {(r.tokens, r.finish) for r in replies} == {(5, "length")}


def test_a_reply_that_ends_by_itself_says_so(model):
    (reply,) = model.generate([chat("What is 2+3? Answer with the number only.")], max_tokens=60)
    assert reply.finish == "stop"
    assert reply.tokens < 60
    assert "<|im_end|>" not in reply.text


def test_a_stop_text_ends_the_reply_and_is_not_part_of_it(model):
    (whole,) = model.generate([FEVER], max_tokens=16)
    middle = whole.text.split()[3]
    (cut,) = model.generate([FEVER], max_tokens=16, stop=[middle])
    assert cut.text == whole.text[: whole.text.index(middle)]
    assert cut.finish == "stop"


def test_a_reply_that_only_repeats_itself_is_ended_and_another_is_as_it_would_be():
    model = GgufModel(packaged_file(SMOLLM2), name="base", context=1024, parallel=2, threads=1)
    endless = {"type": "array", "items": {"enum": ["fever"]}, "minItems": 200}
    (whole,) = model.generate([SUM], max_tokens=400, schema=endless)
    (ended,) = model.generate([SUM], max_tokens=400, schema=endless, end_loops=True)
    assert whole.finish == "length" and ended.finish == "loop" and 144 <= ended.tokens < 200
    assert whole.text.startswith(ended.text)
    (whole,), (same,) = (model.generate([SUM], max_tokens=60, end_loops=ends) for ends in (False, True))
    assert (same.text, same.tokens, same.finish) == (whole.text, whole.tokens, "stop")
    assert same.logprob == pytest.approx(whole.logprob, abs=1e-3)
    (cut,) = model.generate([FEVER], max_tokens=9, end_loops=True)
    assert (cut.tokens, cut.finish) == (9, "length")


def test_a_schema_is_obeyed(model):
    schema = {
        "type": "object",
        "properties": {"findings": {"type": "array", "items": {"type": "string", "maxLength": 12}, "maxItems": 2}},
        "required": ["findings"],
        "additionalProperties": False,
    }
    (reply,) = model.generate([chat("List two findings.")], max_tokens=120, schema=schema)
    answer = json.loads(reply.text)
    assert list(answer) == ["findings"]
    assert len(answer["findings"]) <= 2


def test_sampling_follows_its_seed(model):
    first, again, other = (
        model.generate([FEVER], max_tokens=12, temperature=1.0, seed=seed)[0].text for seed in (1, 1, 2)
    )
    assert first == again != other


def test_the_stream_is_the_reply_in_pieces(model):
    pieces = list(model.stream(FEVER, max_tokens=10))
    assert len(pieces) > 5
    assert "".join(pieces) == model.generate([FEVER], max_tokens=10)[0].text


def test_a_stream_left_early_stops_and_leaves_the_model_usable(model):
    for _ in model.stream(FEVER, max_tokens=200):
        break
    assert model.generate([SUM], max_tokens=2)[0].text


def test_a_given_text_gets_the_log_probabilities_torch_gives_it(model):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(packaged_base())
    net = AutoModelForCausalLM.from_pretrained(packaged_base(), dtype=torch.float32)
    answers = ["Fever is a natural response of the body.", "no ½ idea", "5"]
    ours = model.loglik([FEVER, FEVER, SUM], answers)
    for prompt, answer, scores in zip([FEVER, FEVER, SUM], answers, ours, strict=True):
        ids = model.encode_prompt(prompt)
        tail = tokenizer(answer)["input_ids"]
        with torch.inference_mode():
            logprobs = net(torch.tensor([ids + tail])).logits[0, len(ids) - 1 : -1].log_softmax(-1)
        expected = logprobs[range(len(tail)), tail]
        assert len(scores.logprobs) == len(tail)
        assert (torch.tensor(scores.logprobs) - expected).abs().mean() < 0.15  # llama.cpp rounds activations to 8 bits
        agree = torch.tensor(scores.greedy) == (logprobs.argmax(-1) == torch.tensor(tail))
        assert agree.float().mean() > 0.8


def test_an_empty_answer_has_no_scores(model):
    assert model.loglik([FEVER], [""])[0].logprobs == []


def test_a_reply_scored_as_a_given_text_gets_its_own_log_probability(model):
    (reply,) = model.generate([FEVER], max_tokens=6)
    (scores,) = model.loglik([FEVER], [reply.text])
    assert all(scores.greedy)
    assert scores.total == pytest.approx(reply.logprob, abs=0.1)


def test_embeddings_are_refused_with_the_names_of_models_that_give_them(model):
    with pytest.raises(Unsupported, match="MiniLM"):
        model.embed(["fever"])


def test_a_prompt_beyond_the_context_is_refused_without_quoting_it(model):
    for ask in (
        lambda: model.generate([chat("secret " * 400)], max_tokens=4),
        lambda: list(model.stream(chat("secret " * 400), max_tokens=4)),
    ):
        with pytest.raises(Unsupported, match="larger context") as error:
            ask()
        assert "secret" not in str(error.value)


def test_no_port_is_opened_and_the_socket_folder_is_private(model):
    listening = [c for c in psutil.Process().net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == []
    assert stat.S_IMODE(os.stat(model._socket.parent).st_mode) == 0o700


def test_a_file_that_is_no_gguf_or_only_half_of_one_is_refused(tmp_path):
    text = tmp_path / "notes.gguf"
    text.write_text("not a model")
    with pytest.raises(ModelError, match="not a GGUF"):
        GgufModel(text)
    half = tmp_path / "half.gguf"
    half.write_bytes(packaged_file(SMOLLM2).read_bytes()[:200_000])
    with pytest.raises(ModelError, match="whole GGUF"):
        GgufModel(half)
    with pytest.raises(ModelError, match="no GGUF file"):
        GgufModel(tmp_path / "absent.gguf")


@pytest.mark.parametrize("kind", ["choice", "extract", "relate"])
def test_the_schemas_of_our_tasks_mean_the_same_to_llama_cpp(model, kind):
    example = Example("1", [], [], choices=["yes", "no"], meta={"labels": ["PERSON", "CITY"]})
    (reply,) = model.generate(
        [chat("Who went where? Ann Lee went to Rome.")], max_tokens=60, schema=schema_of(kind, example)
    )
    start = '"' if kind == "choice" else "["
    assert reply.text.lstrip().startswith(start)
    if reply.finish == "length":  # cut short inside its list
        return
    said = json.loads(reply.text)
    if kind == "choice":
        assert said in example.choices
    for part in said if kind == "relate" else ():
        assert len(part) == 2 and all(isinstance(text, str) for text in part)
    for part in said if kind == "extract" else ():
        assert list(part) == ["text", "label"] and part["label"] in ("PERSON", "CITY")
