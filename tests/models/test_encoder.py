"""Encoders read packed are the encoders of transformers: same loss, same gradients, no neighbour is seen."""

import copy

import numpy as np
import pytest
import torch
import transformers
from torch.nn import functional as F
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    RobertaConfig,
)

from residency.core.errors import Unsupported
from residency.models import twoway
from residency.models.chance import kept
from residency.models.encoder import head_of, is_encoder, open_encoder
from residency.models.load import find, open_source
from residency.models.mixed import mixed
from residency.models.pack import Layout
from residency.models.sheet import lay, prepared, scores, states
from residency.models.windows import Piece, Reader
from toy_encoder import SMALL, toy_tokenizer

BERT = {**SMALL, "vocab_size": 90, "max_position_embeddings": 40}
DISTIL = {"dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 4, "vocab_size": 90, "max_position_embeddings": 40}
CONFIGS = {
    "bert": BertConfig(**BERT),
    "roberta": RobertaConfig(**{**BERT, "pad_token_id": 1}),
    "electra": ElectraConfig(**BERT, embedding_size=16),
    "distilbert": DistilBertConfig(**DISTIL),
    "modernbert": ModernBertConfig(**{**BERT, "local_attention": 6, "bos_token_id": 3, "eos_token_id": 4}),
    "deberta": DebertaV2Config(**BERT, relative_attention=True, pos_att_type=["p2c", "c2p"]),
}
HEADS = {
    "tag": AutoModelForTokenClassification,
    "classify": AutoModelForSequenceClassification,
    "mlm": AutoModelForMaskedLM,
}
LENGTHS = (7, 12, 12, 3, 30, 9)


def tiny(name, head):
    torch.manual_seed(0)
    config = copy.deepcopy(CONFIGS[name])
    config.num_labels = 4
    return HEADS[head].from_config(config, attn_implementation="eager").float().eval()


def pieces_of(head, many=4, lengths=LENGTHS):
    made = []
    for number, size in enumerate(lengths):
        ids = [(5 + 11 * number + 7 * i) % 83 + 5 for i in range(size)]
        keep = [0] if head == "classify" else [i for i in range(size) if (i + number) % 3 == 0]
        targets = [(number + i) % many for i in keep]
        types = [int(i > size // 2) for i in range(size)]
        made.append(Piece(ids, types, keep, number, numbers=keep, targets=targets))
    return made


def one_by_one(net, pieces, head, typed):
    """The loss as transformers computes it, a text at a time: its cross-entropy over the same places."""
    found, targets = [], []
    for piece in pieces:
        named = {"token_type_ids": torch.tensor([piece.types])} if typed else {}
        logits = net(input_ids=torch.tensor([piece.ids]), **named).logits
        found.append(logits if head == "classify" else logits[0, piece.keep])
        targets += piece.targets
    return F.cross_entropy(torch.cat(found), torch.tensor(targets))


def gradients(net, loss):
    net.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", CONFIGS)
def test_loss_and_gradients_are_those_of_transformers_one_text_at_a_time(name, head):
    net = tiny(name, head)
    pieces = pieces_of(head)
    plain, form = copy.deepcopy(net), prepared(net)
    assert form.packed == (name != "deberta")  # whose attention takes no interface
    wanted = one_by_one(plain, pieces, head, form.typed)
    sheet = lay(pieces, form, fill_to=96)
    loss = F.cross_entropy(scores(net, sheet, form), sheet.targets)
    assert abs(loss.item() - wanted.item()) < 1e-5
    mine, theirs = gradients(net, loss), gradients(plain, wanted)
    for key, value in theirs.items():
        assert torch.allclose(mine.get(key, torch.zeros_like(value)), value, atol=1e-5), key


def test_a_neighbour_in_the_row_changes_nothing():
    net = tiny("bert", "tag")
    form = prepared(net)
    pieces = pieces_of("tag")
    own = torch.tensor([piece.owner for piece in pieces for _ in piece.keep])
    before = scores(net, lay(pieces, form, fill_to=96), form)
    for changed in range(len(pieces)):
        others = copy.deepcopy(pieces)
        others[changed].ids = [(i * 3 + 1) % 83 + 5 for i in others[changed].ids]
        after = scores(net, lay(others, form, fill_to=96), form)
        assert torch.equal(before[own != changed], after[own != changed])
        assert (before[own == changed] != after[own == changed]).any()


def test_a_row_teaches_nothing_of_its_neighbour():
    """The gradient of one text's loss has no part in the tokens of another."""
    net = tiny("bert", "tag")
    form = prepared(net)
    pieces = pieces_of("tag", lengths=(6, 6, 9))
    sheet = lay(pieces, form)
    seen = {}
    net.bert.embeddings.register_forward_hook(lambda m, i, out: seen.update(x=out) or out.retain_grad())
    found = scores(net, sheet, form)
    found[: len(pieces[0].keep)].sum().backward()
    assert seen["x"].grad[0, :6].abs().sum() > 0 and not seen["x"].grad[0, 6:].any()


@pytest.mark.parametrize("window", [0, 4])
def test_dropout_of_the_probabilities_and_its_gradient_are_as_written_out(window, monkeypatch):
    torch.manual_seed(0)
    layout = Layout([0, 5, 14], [[0] * 5, [0] * 9, [0] * 6], two_way=True)
    q, k, v = (torch.randn(20, 2, 8, requires_grad=True) for _ in range(3))
    kept = [torch.rand(b.shape[0], 2, b.shape[1], b.shape[1]).round().byte() for b in layout.buckets]
    drawn = iter(kept)
    monkeypatch.setattr(twoway, "kept", lambda shape, dropout, device, draw: next(drawn))
    out = twoway._TwoWay.apply(q, k, v, layout, 0.3, 0.25, window)
    wanted = torch.zeros_like(out)
    for bucket, keep in zip(layout.buckets, kept, strict=True):
        starts = bucket.take.view(bucket.shape)[:, 0].tolist()
        sizes = bucket.visible[:, 0, 0].sum(-1).tolist()
        for row, (start, size) in enumerate(zip(starts, sizes, strict=True)):
            a, b, c = (x[start : start + size].transpose(0, 1) for x in (q, k, v))
            raw = 0.3 * a @ b.transpose(1, 2)
            if window:
                place = torch.arange(size)
                raw = raw.masked_fill((place[:, None] - place).abs() >= window, -1e30)
            p = raw.softmax(-1) * keep[row, :, :size, :size] / 0.75
            wanted[start : start + size] = (p @ c).transpose(0, 1)
    assert torch.allclose(out, wanted, atol=1e-6)
    weight = torch.randn_like(out)
    mine = torch.autograd.grad((out * weight).sum(), (q, k, v), retain_graph=True)
    theirs = torch.autograd.grad((wanted * weight).sum(), (q, k, v))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_dropout_leaves_the_right_share_and_draws_what_the_row_draws(share):
    shape, where = torch.Size((4, 100, 333)), torch.device("cpu")
    first, again, other = (kept(shape, share, where, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other) and first.shape == shape
    assert abs(float(first.float().mean()) - (1 - share)) < 0.005
    beside = (first[..., 1:] * first[..., :-1]).float().mean()  # neighbours of one draw are independent
    assert abs(float(beside) - (1 - share) ** 2) < 0.005


def test_bf16_products_keep_fp32_weights_and_err_no_more_than_autocast():
    net = tiny("bert", "tag")
    pieces = pieces_of("tag")
    form = prepared(net)
    low, cast = mixed(copy.deepcopy(net), torch.bfloat16), copy.deepcopy(net)
    sheet = lay(pieces, form, fill_to=96)

    def found(model):
        return gradients(model, F.cross_entropy(scores(model, sheet, form), sheet.targets))

    exact, mine = found(net), found(low)
    with torch.autocast("cpu", torch.bfloat16):
        theirs = found(cast)
    assert all(g.dtype == torch.float32 for g in mine.values())
    errors = [torch.linalg.norm(torch.cat([(got[n] - exact[n]).flatten() for n in exact])) for got in (mine, theirs)]
    assert 0 < errors[0] <= 1.1 * errors[1]


def test_an_encoder_is_told_from_a_generator_by_its_config(toy_bert, toy_base, tmp_path):
    assert is_encoder(toy_bert) and head_of(toy_bert) == ""
    assert not is_encoder(find(str(toy_base)).path)
    assert not is_encoder(tmp_path)


def test_sentence_vectors_are_the_packaged_models_own(tmp_path):
    model = open_source(find("minilm"), type="fp32")
    texts = ["The patient has a fever.", "No sign of infection.", "Fever.", "word " * 700]
    found = model.embed(texts)
    tokenizer, net = AutoTokenizer.from_pretrained(find("minilm").path), AutoModel.from_pretrained(find("minilm").path)
    for text, vector in zip(texts[:3], found, strict=False):
        given = tokenizer(text, return_tensors="pt", truncation=False, padding=False)
        with torch.no_grad():
            mean = net(**given).last_hidden_state[0].mean(0).numpy()
        assert np.allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)
    assert np.allclose(np.linalg.norm(found, axis=1), 1) and model.name == "all-MiniLM-L6-v2"
    assert found[0] @ found[2] > found[0] @ found[1]


def test_a_padded_encoder_gives_what_a_packed_one_does():
    net = tiny("bert", "tag")
    pieces = pieces_of("tag", lengths=(5, 9, 2))
    packed_net = copy.deepcopy(net)
    form = prepared(packed_net)
    padded = type(form)(False, typed=form.typed, fill=form.fill)
    with torch.no_grad():
        mine, theirs = scores(packed_net, lay(pieces, form), form), scores(net, lay(pieces, padded), padded)
        vectors = states(packed_net, lay(pieces, form), form), states(net, lay(pieces, padded), padded)
    assert torch.allclose(mine, theirs, atol=1e-5) and torch.allclose(*vectors, atol=1e-5)


def test_a_tagger_gives_every_word_its_probabilities_wherever_windows_end(toy_bert, tmp_path):
    named = {"id2label": {0: "O", 1: "B-D", 2: "I-D"}, "label2id": {"O": 0, "B-D": 1, "I-D": 2}}
    AutoModelForTokenClassification.from_pretrained(toy_bert, **named).save_pretrained(tmp_path)
    toy_tokenizer().save_pretrained(tmp_path)
    model = open_encoder(tmp_path, name="t", hash="h", type="fp32")
    texts = ["anemia \x00 fever", "", "no " * 80]
    found = model.tag_probabilities(texts)
    assert [len(words) for words, _ in found] == [3, 0, 80] and model.tags == ["O", "B-D", "I-D"]
    assert all(odds.shape == (len(words), 3) and np.allclose(odds.sum(1), 1) for words, odds in found)
    assert found[0][1][1].tolist() == [1, 0, 0]  # it leaves no token
    net = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path).eval()
    ids = toy_tokenizer()("anemia fever", truncation=False, padding=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        alone = net(ids).logits[0].softmax(-1)[1:3].numpy()
    assert np.allclose(found[0][1][[0, 2]], alone, atol=1e-5)
    with pytest.raises(Unsupported, match="no class to texts; it is for tag. Train one"):
        model.classify(["a"])


def test_an_encoder_writes_nothing_and_says_so(toy_bert):
    model = open_encoder(toy_bert, name="t", hash="h")
    with pytest.raises(Unsupported, match="writes nothing"):
        model.generate([[{"role": "user", "content": "a"}]], max_tokens=3)
    assert Reader(toy_tokenizer(), 32).room == 30
