"""What packed attention cannot run is read one text at a time: the numbers are those of the network's own forward."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, MambaConfig

from architectures import ALONE, BLOCKS, PACKED, shaken, tiny
from residency.models import alone, local
from residency.models.alone import reach_of, states_alone, texts, why_never
from residency.models.attention import use_packed
from residency.models.decode import Sampling
from residency.models.local import open_folder
from residency.models.pack import Block, collate
from toy import WORDS, toy_tokenizer

ASK = [[{"role": "user", "content": f"{thing} ?"}] for thing in ("blood is red", "grass", "the sky is the sky")]
ANSWERS = ["red red green", "green", "blue is the sky"]


def opened(config, folder):
    """Return (the model of a folder with random weights of a shape, the same as transformers opens it, by eager)."""
    tokenizer = toy_tokenizer()
    given = {**config.to_dict(), "vocab_size": len(WORDS), "eos_token_id": 1, "pad_token_id": 1, "bos_token_id": 0}
    net = shaken(tiny(type(config)(**given)))
    for weight in net.parameters():
        weight.data.mul_(4 if weight.dim() > 1 else 1)
    net.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    own = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    return open_folder(folder, name="x", hash="x", type="fp32"), own


def test_the_texts_of_a_row_are_its_branches_each_behind_its_context():
    layout = collate([Block([5, 6], [[7, 8, 9], [3], [4, 2]]), Block([1, 2, 3], [])], fill_to=12).layout
    assert list(texts(layout)) == [[0, 1, 2, 3], [0, 1, 4], [5, 6, 7], [8, 9, 10, 11]]
    assert layout.longest == 5


@pytest.mark.parametrize("name", PACKED)
def test_read_alone_a_row_has_the_states_that_it_has_packed(name):
    model = use_packed(shaken(tiny(PACKED[name])))
    batch = collate(BLOCKS)
    with torch.inference_mode():
        wanted = model.base_model(
            input_ids=batch.ids, position_ids=batch.positions, layout=batch.layout, use_cache=False
        ).last_hidden_state[0]
        assert torch.allclose(states_alone(model, batch.ids, batch.layout), wanted, atol=2e-5)


def test_how_long_a_text_may_be_is_read_off_the_network_or_tried():
    assert {name: use_packed(tiny(config)).reach for name, config in ALONE.items()} == {
        "gemma2 (softcap)": 0,
        "gemma3 that sees 4 tokens": 4,
        "mistral that sees 4 tokens": 4,
        "phi3 that sees 4 tokens": 4,
    }
    assert use_packed(tiny(PACKED["llama"])).reach == math.inf
    gpt = GPT2Config(vocab_size=90, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    assert use_packed(tiny(gpt)).reach == math.inf  # tried, and the same packed as alone


def test_a_network_that_carries_a_state_from_text_to_text_is_never_packed():
    mamba = tiny(MambaConfig(vocab_size=90, hidden_size=32, num_hidden_layers=2, state_size=4))
    assert reach_of(mamba) == 0 and "another kind (linear_attention)" in why_never(mamba)
    assert not alone._same(mamba) and alone._same(use_packed(tiny(PACKED["llama"])))


@pytest.mark.parametrize("name", ALONE)
def test_answers_are_as_likely_as_the_network_itself_says(name, tmp_path):
    model, own = opened(ALONE[name], tmp_path)
    for prompt, answer, scores in zip(ASK, ANSWERS, model.loglik(ASK, ANSWERS), strict=True):
        ids = [*model.encode_prompt(prompt), *model.encode(answer)]
        first = len(ids) - len(model.encode(answer))
        with torch.inference_mode():
            logits = own(torch.tensor([ids])).logits[0].log_softmax(-1)
        wanted = [float(logits[i - 1, ids[i]]) for i in range(first, len(ids))]
        assert scores.logprobs == pytest.approx(wanted, abs=2e-4)


@pytest.mark.parametrize("name", ALONE)
def test_replies_are_those_of_transformers(name, tmp_path):
    model, own = opened(ALONE[name], tmp_path)
    found = model.generate(ASK, max_tokens=6)
    for prompt, reply in zip(ASK, found, strict=True):
        ids = torch.tensor([model.encode_prompt(prompt)])
        wanted = own.generate(ids, max_new_tokens=6, do_sample=False)[0, ids.shape[1] :].tolist()
        ended = wanted.index(model.end) if model.end in wanted else 6
        assert reply.text == model.tokenizer.decode(wanted[:ended], skip_special_tokens=True)
    assert "".join(model.stream(ASK[0], max_tokens=6)) == found[0].text


@pytest.mark.parametrize("name", ALONE)
def test_behind_a_shared_beginning_scores_and_replies_are_those_of_the_whole(name, tmp_path):
    model, _ = opened(ALONE[name], tmp_path)
    prefix = model.encode("the cat is red the dog is green")
    blocks = [Block(model.encode("sky ?"), [model.encode("blue is"), model.encode("red")], [0, 1])]
    whole = [Block([*prefix, *blocks[0].context], blocks[0].branches, [0, 1])]
    behind, alone = model.score(blocks, prefix=prefix), model.score(whole)
    for owner in (0, 1):
        assert behind[owner].logprobs == pytest.approx(alone[owner].logprobs, abs=2e-4)
    given = [model.encode("sky ? blue"), model.encode("grass ?")]
    found = model.write(given, Sampling(5), prefix=prefix)
    wanted = model.write([[*prefix, *each] for each in given], Sampling(5))
    assert [reply.text for reply in found] == [reply.text for reply in wanted]


def test_a_text_within_the_window_is_packed_and_a_longer_one_is_not(tmp_path, monkeypatch):
    config = type(PACKED["llama"]).from_dict(PACKED["llama"].to_dict())
    model, _ = opened(config, tmp_path)
    model.net.reach = 12
    seen = []
    real = local.states_alone
    monkeypatch.setattr(local, "states_alone", lambda *given: seen.append(given[1].shape[1]) or real(*given))
    short, long = model.loglik(ASK[:1], ["red"]), model.loglik(ASK[:1], ["red " * 12])
    assert len(seen) == 1 and seen[0] > 12 and len(short[0].logprobs) == 1 and len(long[0].logprobs) == 12
    model.net.reach = math.inf
    assert long[0].logprobs == pytest.approx(model.loglik(ASK[:1], ["red " * 12])[0].logprobs, abs=1e-4)
