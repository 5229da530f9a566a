"""Tiny encoders of random weights with a tokenizer that has marks and parts of words, and examples to learn."""

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from residency.core.store import write_examples, write_jsonl, write_manifest
from residency.core.types import Example, Span

PIECES = (
    "[PAD] [UNK] [CLS] [SEP] [MASK] the patient has had no of in and , . - anemia fever cough asthma gout aspirin "
    "iron drug pain after causes mild a b c ##a ##b ##c ##s ##emia an"
).split()
SMALL = {
    "vocab_size": len(PIECES),
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
}


def toy_tokenizer():
    inner = Tokenizer(models.WordPiece({p: i for i, p in enumerate(PIECES)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    inner.enable_truncation(8)  # as packaged encoders have it: shorter than what they can read
    inner.enable_padding(length=8)
    named = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]"}
    named["mask_token"], inputs = "[MASK]", ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=32, model_input_names=inputs, **named)


def write_toy(folder):
    torch.manual_seed(0)
    BertModel(BertConfig(**SMALL, initializer_range=0.3)).save_pretrained(folder)
    toy_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def toy_bert(tmp_path_factory):
    """The folder of a two-layer BERT that reads 32 tokens."""
    return write_toy(tmp_path_factory.mktemp("toy-bert"))


@pytest.fixture(scope="session")
def bert_stage(toy_bert, tmp_path_factory):
    """The manifest folder of a base stage that holds it."""
    stage = tmp_path_factory.mktemp("bert-stage")
    write_manifest(stage, stage="base", model={"path": str(toy_bert), "name": "toy", "hash": "toy", "licence": "MIT"})
    return stage


NAMES = {"anemia": "Disease", "fever": "Disease", "asthma": "Disease", "aspirin": "Drug", "iron": "Drug"}


def tagged(number, words):
    text, spans = "the patient has", []
    for word in words:
        text += " "
        if word in NAMES:
            spans.append(Span(len(text), len(text) + len(word), NAMES[word]))
        text += word
    meta = {"text": text, "labels": ["Disease", "Drug"], "task": "toy", "use": "instruct"}
    return Example(f"toy/{number:03d}", [], [""], spans=spans, split="train" if number % 4 else "dev", meta=meta)


@pytest.fixture(scope="session")
def tag_examples(tmp_path_factory):
    """Forty texts with diseases and drugs, a quarter of them held out; one is longer than a window."""
    words = [*NAMES, "no", "cough", ",", "and", "mild"]
    rows = [tagged(i, [words[(i * k + k * k) % len(words)] for k in range(3, 9)]) for i in range(39)]
    rows.append(tagged(39, [words[(7 * k + k * k) % len(words)] for k in range(60)]))
    return written(tmp_path_factory.mktemp("tags"), rows)


@pytest.fixture(scope="session")
def class_examples(tmp_path_factory):
    """Forty pairs of texts whose class is whether the second names what the first does."""
    names, rows = list(NAMES), []
    for i in range(40):
        first, second = names[i % 5], names[(i % 5 + (i // 5) % 2) % 5]
        label = "same" if first == second else "other"
        meta = {"text": f"the patient has {first}", "text_b": f"no {second}", "labels": ["same", "other"]}
        rows.append(
            Example(f"c{i:02d}", [], [label], choices=["same", "other"], split="dev" if i > 34 else "train", meta=meta)
        )
    return written(tmp_path_factory.mktemp("classes"), rows)


@pytest.fixture(scope="session")
def relation_examples(tmp_path_factory):
    """Texts with a drug and two diseases, of which it causes the one that "causes" stands before."""
    drugs, ills, rows = ["aspirin", "iron"], ["anemia", "fever", "asthma"], []
    for i in range(24):
        drug, cause, other = drugs[i % 2], ills[i % 3], ills[(i % 3 + 1 + i // 12) % 3]
        parts = [(drug, "Drug"), (" causes ", ""), (cause, "Disease"), (" and no ", ""), (other, "Disease")]
        text, entities = "", []
        for word, kind in parts:
            if kind:
                place = {"start": len(text), "end": len(text) + len(word)}
                entities.append({**place, "label": kind, "concepts": [word.upper()]})
            text += word
        meta = {"text": text, "entities": entities, "relations": [[drug.upper(), cause.upper()]], "concepts": {}}
        rows.append(Example(f"r{i:02d}", [], [""], split="dev" if i > 19 else "train", meta=meta))
    return written(tmp_path_factory.mktemp("relations"), rows)


def written(folder, rows):
    write_examples(folder / "examples.jsonl", rows)
    texts = ("the patient has had mild anemia and fever .", "aspirin causes pain in the patient , iron no pain .")
    write_jsonl(folder / "text.jsonl", [{"id": f"t{i}", "text": texts[i % 2]} for i in range(24)])
    write_manifest(folder, stage="examples")
    return folder
