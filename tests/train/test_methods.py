"""Every method of tuning on a toy: it learns, opens in plain peft with the same numbers, goes on, and resumes."""

from __future__ import annotations

import json
import math
import shutil

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config

from residency.core.errors import UserError
from residency.core.store import read_jsonl, read_manifest, sha256_file
from residency.models.load import find, of_stage, open_source
from residency.models.pack import Block, collate
from residency.train import loop
from residency.train.adapters import trainable
from residency.train.forward import forward
from residency.train.instruct import instruct
from residency.train.methods import begin
from residency.train.prefer import prefer
from residency.train.schedule import Schedule
from residency.train.stage import open_model
from residency.train.tuning import LORA, TARGETS, Tuning
from toy import WORDS, toy_stage, toy_tokenizer

FAST = Schedule(learning_rate=2e-2, batch_tokens=64, epochs=6, precision="fp32", checkpoint=5)
RATES = {"ia3": 0.2, "prefix": 0.1, "prompt": 0.1, "ptuning": 1e-2, "full": 5e-3}
ADAPTERS = ("lora", "rslora", "dora", "dual_lora", "ia3", "prefix", "prompt", "ptuning")
MERGED = ("lora", "rslora", "dora", "dual_lora", "ia3")
SOFT = ("prefix", "prompt", "ptuning")
ASK = [[{"role": "user", "content": f"{thing} ?"}] for thing in ("blood", "grass", "sky")]
RIGHT = ["red", "green", "blue"]


def schedule(method, **more):
    given = {"learning_rate": RATES.get(method, 2e-2), "batch_tokens": 64, "epochs": 6, "precision": "fp32"}
    return Schedule(**{**given, "checkpoint": 5, **more})


@pytest.fixture(scope="module")
def stage_of(toy_base, toy_examples, tmp_path_factory):
    """Return a function that gives the finished stage of a method, trained once; dual_lora stands on a LoRA."""
    root, done = tmp_path_factory.mktemp("methods"), {}

    def stage(method):
        if method not in done:
            before = stage("lora") if method == "dual_lora" else toy_base
            tuning = Tuning(method=method, rank=4, virtual_tokens=6)
            instruct(before, toy_examples, out=root / method, tuning=tuning, schedule=schedule(method))
            done[method] = root / method
        return done[method]

    return stage


def bare(toy_base):
    return AutoModelForCausalLM.from_pretrained(
        read_manifest(toy_base)["model"]["path"], dtype=torch.float32, attn_implementation="eager"
    ).eval()


def plain_peft(toy_base, stage):
    """Return the network as transformers and peft alone open it."""
    if read_manifest(stage)["model"]["method"] == "full":
        return AutoModelForCausalLM.from_pretrained(
            stage / "model", dtype=torch.float32, attn_implementation="eager"
        ).eval()
    return PeftModel.from_pretrained(bare(toy_base), str(stage / "adapter")).eval()


def alone(net, ids, first):
    """Return the log-probabilities of a text's tokens from ``first`` on."""
    with torch.inference_mode():
        scores = net(input_ids=torch.tensor([ids])).logits[0, -len(ids) :].log_softmax(-1)
    return [float(scores[i - 1, ids[i]]) for i in range(first, len(ids))]


@pytest.mark.parametrize("method", [*ADAPTERS, "full"])
def test_a_method_learns_its_answers_and_leaves_only_safetensors(method, stage_of, toy_base):
    stage = stage_of(method)
    losses = [row["answer_loss"] for row in read_jsonl(stage / "curve.jsonl")]
    first = stage_of("lora") if method == "dual_lora" else stage  # it begins where the first module ended
    assert sum(losses[-5:]) < 0.8 * sum([row["answer_loss"] for row in read_jsonl(first / "curve.jsonl")][:5])
    after, before = (
        sum(s.total for s in open_source(of_stage(folder), type="fp32").loglik(ASK, RIGHT))
        for folder in (stage, toy_base)
    )
    assert after > before + 1
    assert read_manifest(stage)["model"]["method"] == method
    kinds = {path.suffix for path in stage.rglob("*") if path.is_file()}
    assert ".safetensors" in kinds and not kinds & {".bin", ".pt", ".pth", ".pickle"}
    assert not list(stage.rglob("README.md"))


@pytest.mark.parametrize("method", [*ADAPTERS, "full"])
def test_a_stage_scores_as_plain_peft_does_packed_or_in_any_company(method, stage_of, toy_base):
    net, model = plain_peft(toy_base, stage_of(method)), open_source(of_stage(stage_of(method)), type="fp32")
    prompts = [*ASK, [{"role": "user", "content": "the sky is red ? the cat is blue"}]]
    answers = [*RIGHT, "the dog is one two three"]
    for prompt, answer, scores in zip(prompts, answers, model.loglik(prompts, answers), strict=True):
        context = model.encode_prompt(prompt)
        ids = [*context, *model.encode(answer)]
        assert scores.logprobs == pytest.approx(alone(net, ids, len(context)), abs=1e-4)
    prefix, context = model.encode("the cat is red"), model.encode("sky ?")
    found = model.score([Block(context, [model.encode("blue"), model.encode("red dog")], [0, 1])], prefix=prefix)
    for owner, answer in enumerate(("blue", "red dog")):
        ids = [*prefix, *context, *model.encode(answer)]
        assert found[owner].logprobs == pytest.approx(alone(net, ids, len(prefix) + len(context)), abs=1e-4)


@pytest.mark.parametrize("method", ADAPTERS)
def test_an_adapters_folder_alone_is_a_model_too(method, stage_of):
    whole = open_source(of_stage(stage_of(method)), type="fp32").loglik(ASK, RIGHT)
    alone = open_source(find(str(stage_of(method) / "adapter")), type="fp32").loglik(ASK, RIGHT)
    assert [scores.logprobs for scores in alone] == [scores.logprobs for scores in whole]


@pytest.mark.parametrize("method", [*ADAPTERS, "full"])
def test_a_stage_writes_what_plain_peft_writes(method, stage_of, toy_base):
    net, model = plain_peft(toy_base, stage_of(method)), open_source(of_stage(stage_of(method)), type="fp32")
    prompts = [*ASK, [{"role": "user", "content": "the sky is red ? the cat is blue"}]]
    replies = model.generate(prompts, max_tokens=6)
    for prompt, reply in zip(prompts, replies, strict=True):
        ids = model.encode_prompt(prompt)
        tokens = []
        while len(tokens) < 6:
            with torch.inference_mode():
                tokens.append(int(net(input_ids=torch.tensor([[*ids, *tokens]])).logits[0, -1].argmax()))
            if tokens[-1] == model.end:
                tokens.pop()
                break
        assert reply.text == model.tokenizer.decode(tokens, skip_special_tokens=True)
    assert "".join(model.stream(prompts[0], max_tokens=6)) == replies[0].text


@pytest.mark.parametrize("method", ADAPTERS)
def test_the_network_that_learns_scores_as_the_adapter_it_leaves(method, stage_of, toy_base):
    stage = stage_of(method)
    net, local = open_model(stage, schedule=FAST, tuning=Tuning(method=method if method == "dual_lora" else "lora"))
    theirs = plain_peft(toy_base, stage)
    blocks = [Block([7, 9, 10], [[5, 6], [8, 1, 4]], [0, 1]), Block([11, 12, 5, 6], [], [2])]
    batch = collate(blocks, fill_to=32)
    with torch.no_grad():
        found = forward(net.eval(), batch)
    for owner, (context, branch) in enumerate((([7, 9, 10], [5, 6]), ([7, 9, 10], [8, 1, 4]), ([11], [12, 5, 6]))):
        wanted = alone(theirs, [*context, *branch], len(context))
        assert found[batch.owners == owner].tolist() == pytest.approx(wanted, abs=1e-4)
    if method in SOFT:
        assert local.virtual == 6 and local.context == 128 - 6
        assert local.loglik(ASK, RIGHT)[0].logprobs == pytest.approx(
            open_source(of_stage(stage), type="fp32").loglik(ASK, RIGHT)[0].logprobs, abs=1e-5
        )


@pytest.mark.parametrize("method", [*ADAPTERS, "full"])
def test_an_alignment_goes_on_from_what_any_method_left(method, stage_of, toy_examples, tmp_path, capsys):
    slow = schedule(method, learning_rate=RATES.get(method, 2e-2) / 4, epochs=3)
    prefer(stage_of(method), toy_examples, out=tmp_path / "aligned", schedule=slow, beta=0.5)
    curve = list(read_jsonl(tmp_path / "aligned" / "curve.jsonl"))
    assert curve[0]["preference"] == pytest.approx(math.log(2), abs=1e-3)  # it begins at its reference
    assert sum(row["margin"] for row in curve[-3:]) > 3 * 0.01
    about = read_manifest(tmp_path / "aligned")["model"]
    assert about["method"] == ("lora" if method == "full" else method)
    said = capsys.readouterr().err
    assert ("goes on with" in said) == (method not in ("lora", "full"))
    assert ("one text at a time" in said and "cannot be merged" in said) == (method in SOFT)
    assert (about.get("merges") is False) == (method in SOFT)
    aligned = open_source(of_stage(tmp_path / "aligned"), type="fp32")
    assert all(math.isfinite(s.total) for s in aligned.loglik(ASK, RIGHT))


# --- the beginning ---------------------------------------------------------------------------------------------------


def fresh():
    config = Qwen2Config(
        vocab_size=60,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager")


def test_unless_said_otherwise_the_adapter_is_the_lora_that_peft_draws_from_the_seed():
    ours, bare = begin(fresh(), LORA, seed=3), fresh()
    torch.manual_seed(3)
    config = LoraConfig(r=16, lora_alpha=16, task_type="CAUSAL_LM", target_modules=sorted(TARGETS))
    theirs = dict(get_peft_model(bare, config).named_parameters())
    learn = {name: weight for name, weight in ours.named_parameters() if weight.requires_grad}
    assert len(learn) == 3 * 7 * 2
    assert all(torch.equal(weight, theirs[name]) for name, weight in learn.items())


@pytest.mark.parametrize("method", ADAPTERS)
def test_one_seed_gives_one_beginning_and_another_another(method):
    if method == "ia3":
        return  # it begins with ones
    tuning = Tuning(method=method, rank=4, virtual_tokens=5)

    def drawn(seed):
        return torch.cat([weight.detach().flatten() for weight in trainable(begin(fresh(), tuning, seed=seed))])

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))


def test_a_prefix_begins_as_the_keys_and_values_of_words():
    tuned = begin(fresh(), Tuning(method="prefix", virtual_tokens=5), seed=7)
    net = fresh()
    ids = torch.randint(60, (1, 5), generator=torch.Generator().manual_seed(7))
    past = net(ids, use_cache=True).past_key_values
    made = tuned.get_prompt(batch_size=1)
    for ours, theirs in zip(made.layers, past.layers, strict=True):
        assert torch.allclose(ours.keys, theirs.keys, atol=1e-6)
        assert torch.allclose(ours.values, theirs.values, atol=1e-6)


def places(model):
    names = [name for name, _ in model.named_parameters() if "lora_" in name]
    return sorted({name.split(".lora_")[0].split("model.model.model.")[1] for name in names})


def test_layers_are_tuned_by_name_by_number_and_by_both():
    assert places(begin(fresh(), Tuning(layers=("q_proj",)))) == [f"layers.{i}.self_attn.q_proj" for i in range(3)]
    assert places(begin(fresh(), Tuning(layers=("q_proj", "1-")))) == [f"layers.{i}.self_attn.q_proj" for i in (1, 2)]
    assert {name.split(".")[1] for name in places(begin(fresh(), Tuning(layers=("0", "2"))))} == {"0", "2"}
    assert len(places(begin(fresh(), Tuning(layers=("0-1",))))) == 2 * 7
    ia3 = begin(fresh(), Tuning(method="ia3", layers=("1",)))
    learn = [name for name, weight in ia3.named_parameters() if weight.requires_grad]
    assert [name.split(".ia3_l")[0].rsplit(".", 1)[1] for name in learn] == ["k_proj", "v_proj", "down_proj"]
    assert all(".1." in name for name in learn)


def test_of_a_whole_model_the_named_layers_learn_or_all():
    def learn(tuning):
        return {name for name, weight in begin(fresh(), tuning).named_parameters() if weight.requires_grad}

    everything = {name for name, _ in fresh().named_parameters()}
    assert learn(Tuning(method="full")) == everything
    assert learn(Tuning(method="full", layers=("2",))) == {name for name in everything if ".2." in name}
    named = learn(Tuning(method="full", layers=("down_proj", "1-")))
    assert named == {f"model.layers.{i}.mlp.down_proj.weight" for i in (1, 2)}


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (("q_prj",), "there is no q_prj in this model; did you mean q_proj"),
        (("7",), "there is no layer 7 in this model; its layers are 0 to 2"),
        (("1-5",), "there is no layer 1-5"),
    ],
)
def test_layers_that_are_not_there_are_refused_naming_those_that_are(layers, words):
    with pytest.raises(UserError, match=words):
        begin(fresh(), Tuning(layers=layers))


# --- from stage to stage ---------------------------------------------------------------------------------------------


def test_another_method_than_the_adapters_own_is_refused(stage_of):
    for asked, words in (("ia3", "left an adapter of method lora"), ("prefix", "left an adapter of method lora")):
        with pytest.raises(UserError, match=words):
            open_model(stage_of("lora"), schedule=FAST, tuning=Tuning(method=asked))
    with pytest.raises(UserError, match="learned virtual tokens"):
        open_model(stage_of("prefix"), schedule=FAST, tuning=Tuning(method="full"))
    with pytest.raises(UserError, match="adds a second module to a LoRA"):
        open_model(stage_of("dora"), schedule=FAST, tuning=Tuning(method="dual_lora"))


def test_two_modules_are_joined_exactly_and_the_first_stays_as_it_was(stage_of, toy_base):
    stage, before = stage_of("dual_lora"), stage_of("lora")
    names = ("adapter_model.safetensors",)
    for name in names:
        kept, first = load_file(before / "adapter" / name), load_file(stage / "first" / name)
        assert kept.keys() == first.keys() and all(torch.equal(kept[key], first[key]) for key in kept)
    two = PeftModel.from_pretrained(bare(toy_base), str(stage / "first"), adapter_name="first")
    two.load_adapter(str(stage / "second"), "second")
    two.base_model.set_adapter(["first", "second"])
    ids = torch.tensor([[5, 6, 7, 8, 9, 10]])
    joined = plain_peft(toy_base, stage)
    assert torch.allclose(two.eval()(ids).logits, joined(ids).logits, atol=1e-5)
    assert not torch.allclose(joined(ids).logits, plain_peft(toy_base, before)(ids).logits, atol=1e-2)


def test_a_third_stage_goes_on_with_the_second_module(stage_of, toy_examples, tmp_path):
    tuning = Tuning(method="dual_lora", rank=4)
    instruct(stage_of("dual_lora"), toy_examples, out=tmp_path / "third", tuning=tuning, schedule=schedule("lora"))
    file, before = "adapter_model.safetensors", stage_of("dual_lora")
    assert sha256_file(before / "first" / file) == sha256_file(tmp_path / "third" / "first" / file)
    assert sha256_file(before / "second" / file) != sha256_file(tmp_path / "third" / "second" / file)


def test_a_whole_model_opens_anywhere_moves_with_its_run_and_goes_on(stage_of, toy_base, toy_examples, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(stage_of("full"), run / "instruct")
    prefer(run / "instruct", toy_examples, out=run / "prefer", schedule=schedule("full", learning_rate=1e-3))
    assert read_manifest(run / "prefer")["model"]["path"] == "../instruct/model"
    before = open_source(of_stage(run / "prefer"), type="fp32").loglik(ASK, RIGHT)
    run.rename(tmp_path / "moved")
    after = open_source(of_stage(tmp_path / "moved" / "prefer"), type="fp32").loglik(ASK, RIGHT)
    assert [s.logprobs for s in before] == [s.logprobs for s in after]
    whole = open_source(find(str(tmp_path / "moved" / "instruct" / "model")), type="fp32")
    assert [r.text for r in whole.generate(ASK, max_tokens=3)] == RIGHT
    assert AutoTokenizer.from_pretrained(tmp_path / "moved" / "instruct" / "model").chat_template
    config = json.loads((tmp_path / "moved" / "instruct" / "model" / "config.json").read_text())
    assert config["dtype"] == "float32" and "packed" not in json.dumps(config)


def test_all_weights_go_on_from_a_merged_adapter(stage_of):
    net, local = open_model(stage_of("lora"), schedule=FAST, tuning=Tuning(method="full"))
    assert all(weight.requires_grad and weight.dtype == torch.float32 for weight in net.parameters())
    wanted = open_source(of_stage(stage_of("lora")), type="fp32").loglik(ASK, RIGHT)
    for ours, theirs in zip(local.loglik(ASK, RIGHT), wanted, strict=True):
        assert ours.logprobs == pytest.approx(theirs.logprobs, abs=1e-5)


def test_all_weights_learn_in_fp32_where_products_are_bf16(toy_base):
    gradients = {}
    for precision in ("fp32", "bf16"):
        given = Schedule(precision=precision)
        net, _ = open_model(toy_base, schedule=given, tuning=Tuning(method="full"))
        assert {weight.dtype for weight in net.parameters()} == {torch.float32}
        (-forward(net.train(), collate([Block([7, 9, 10], [[5, 6, 1]]), Block([4, 8, 2], [[3, 1]])])).sum()).backward()
        gradients[precision] = {name: weight.grad for name, weight in net.named_parameters()}
    for name, exact in gradients["fp32"].items():
        found = gradients["bf16"][name]
        assert float((found - exact).norm()) < 0.15 * float(exact.norm()), name
        assert not torch.equal(found, exact)


@pytest.mark.parametrize("method", [*ADAPTERS, "full"])
def test_in_bf16_a_stage_learns_and_answers_nearly_as_in_fp32(method, stage_of):
    exact, low = (open_source(of_stage(stage_of(method)), type=type_).loglik(ASK, RIGHT) for type_ in ("fp32", "bf16"))
    for ours, theirs in zip(low, exact, strict=True):
        assert ours.total == pytest.approx(theirs.total, abs=0.3)
    asked = Tuning(method=method if method in ("dual_lora", "full") else "lora")
    found = []
    for precision in ("fp32", "bf16"):
        net, _ = open_model(stage_of(method), schedule=Schedule(precision=precision), tuning=asked)
        values = forward(net.train(), collate([Block([7, 9, 10], [[5, 6, 1], [4]]), Block([4, 8, 2], [[3, 1]])]))
        values.sum().backward()
        assert {weight.dtype for weight in trainable(net)} == {torch.float32}
        assert all(torch.isfinite(weight.grad).all() for weight in trainable(net) if weight.grad is not None)
        found.append(values.detach())
    assert torch.allclose(*found, atol=0.5)


# --- killed and begun again ------------------------------------------------------------------------------------------

RESUMED = {
    "ia3": Tuning(method="ia3"),
    "prefix": Tuning(method="prefix", virtual_tokens=4),
    "ptuning": Tuning(method="ptuning", virtual_tokens=4),
    "full": Tuning(method="full"),
    "lora with noise": Tuning(rank=4, neftune=5),
    "lora with dropout": Tuning(rank=4, dropout=0.3),
}


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_killed_and_begun_again_it_ends_with_the_same_bits(
    name, accumulate, toy_base, toy_examples, tmp_path, monkeypatch
):
    tuning = RESUMED[name]
    given = schedule(tuning.method, epochs=2 * accumulate, accumulate=accumulate, checkpoint=2)
    instruct(toy_base, toy_examples, out=tmp_path / "whole", tuning=tuning, schedule=given)
    real, calls = loop.rows_once, []

    def stops(*args, **named):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return real(*args, **named)

    monkeypatch.setattr(loop, "rows_once", stops)
    with pytest.raises(KeyboardInterrupt):
        instruct(toy_base, toy_examples, out=tmp_path / "parts", tuning=tuning, schedule=given)
    monkeypatch.setattr(loop, "rows_once", real)
    assert json.loads((tmp_path / "parts/checkpoint/position.json").read_text())["step"] == 4
    torch.manual_seed(99)  # whatever chance was drawn elsewhere
    instruct(toy_base, toy_examples, out=tmp_path / "parts", tuning=tuning, schedule=given)
    files = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.safetensors"))
    assert files
    for file in files:
        assert sha256_file(tmp_path / "parts" / file) == sha256_file(tmp_path / "whole" / file), file
    steps = [row["step"] for row in read_jsonl(tmp_path / "parts" / "curve.jsonl")]
    assert steps == list(range(1, len(steps) + 1)) and len(steps) > 6


def test_noise_and_dropout_change_what_is_learned(toy_base, toy_examples, tmp_path):
    given, hashes = schedule("lora", epochs=1), set()
    noisy = {name: tuning for name, tuning in RESUMED.items() if tuning.method == "lora"}
    for name, tuning in {"plain": Tuning(rank=4), **noisy}.items():
        instruct(toy_base, toy_examples, out=tmp_path / name, tuning=tuning, schedule=given)
        hashes.add(sha256_file(tmp_path / name / "adapter" / "adapter_model.safetensors"))
    assert len(hashes) == 3


def test_behind_weights_of_four_bits_a_lora_learns_and_is_merged_into_the_whole_ones(toy_examples, tmp_path):
    pytest.importorskip("bitsandbytes", reason="the 4-bit kernels are not installed")
    sizes = {"vocab_size": len(WORDS), "max_position_embeddings": 128, "hidden_size": 64}
    base = toy_stage(tmp_path, toy_tokenizer(), "wide", **sizes)
    instruct(base, toy_examples, out=tmp_path / "q", tuning=Tuning(method="qlora"), schedule=schedule("qlora"))
    losses = [row["answer_loss"] for row in read_jsonl(tmp_path / "q" / "curve.jsonl")]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    net, local = open_model(tmp_path / "q", schedule=FAST)
    assert {type(m).__name__ for m in net.modules()} >= {"Linear4bit"}
    assert {weight.dtype for weight in trainable(net)} == {torch.float32}
    context = local.encode_prompt(ASK[0])
    batch = collate([Block(context, [local.encode("red")])])
    with torch.no_grad():
        found = forward(net.eval(), batch).tolist()
    assert found == pytest.approx(alone(net, [*context, *local.encode("red")], len(context)), abs=1e-3)
    assert [r.text for r in open_source(of_stage(tmp_path / "q"), type="fp32").generate(ASK, max_tokens=3)] == RIGHT
