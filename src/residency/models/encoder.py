"""An encoder of this machine: sentence vectors, the tags of words, the class of a text or of a pair of texts.

Any BERT-like encoder of transformers, the packaged all-MiniLM-L6-v2 among them. Texts of any length lie side by side
in one row without padding, long ones in windows; rows share the processor's threads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import AutoTokenizer, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from residency.core.errors import ModelError, Unsupported
from residency.models.device import device, precision
from residency.models.lanes import side_by_side
from residency.models.mixed import mixed
from residency.models.pack import fill_rows
from residency.models.products import pack
from residency.models.sheet import Form, Sheet, lay, prepared, scores, states
from residency.models.tagging import Words, decode, spans_of, words_of
from residency.models.weights import quiet_transformers
from residency.models.windows import Piece, Reader

ROW, GPU_ROW = 2048, 32768
"""Tokens of a row that is only read."""
HEADS = {
    "tag": "AutoModelForTokenClassification",
    "classify": "AutoModelForSequenceClassification",
    "mlm": "AutoModelForMaskedLM",
    "": "AutoModel",
}
"""What stands on an encoder's body, by what it is for."""


@dataclass(slots=True)
class EncoderModel:
    """An encoder with its tokenizer. ``head`` says what it is for: "tag", "classify", "mlm", or "" (vectors alone)."""

    name: str
    hash: str
    net: PreTrainedModel
    reader: Reader
    form: Form
    head: str
    row: int = ROW

    @property
    def labels(self) -> list[str]:
        """Return what the head tells apart, in the order of its scores."""
        return [self.net.config.id2label[i] for i in range(self.net.config.num_labels)] if self.head else []

    @property
    def related_types(self) -> list[tuple[str, str]]:
        """Return the pairs of types of concept that a model of relations is asked about; none of another one."""
        return [(str(first), str(second)) for first, second in getattr(self.net.config, "related_types", ())]

    @property
    def tags(self) -> list[str]:
        """Return the tags of a tagger ("O", "B-…", "I-…"), in the order of its probabilities."""
        self._need("tag")
        return self.labels

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit-length vectors, [texts, width]: the mean of the last states (Reimers and Gurevych 2019, 3)."""
        pieces = list(self.reader.classed(texts))
        sums = np.zeros((len(texts), self.net.config.hidden_size), dtype=np.float32)
        for sheet, owners, found in self._read(pieces, states):
            sizes = torch.tensor([end - start for start, end in sheet.spans])
            rows = torch.arange(len(sizes)).repeat_interleave(sizes)
            added = torch.zeros(len(sizes), found.shape[1]).index_add_(0, rows, found)
            np.add.at(sums, owners, added.numpy())
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)

    def tag_probabilities(self, texts: Sequence[str]) -> list[tuple[Words, np.ndarray]]:
        """Return each text's words and the probability of each tag for each of them, [words, tags].

        A word that leaves no token (a control character) is surely "O".
        """
        self._need("tag")
        words = [words_of(text) for text in texts]
        outside = np.eye(len(self.tags))[self.tags.index("O")]
        found = [np.tile(outside, (len(mine), 1)) for mine in words]
        for piece, odds in self.odds(list(self.reader.tagged(texts, words))):
            found[piece.owner][piece.numbers] = odds
        return list(zip(words, found, strict=True))

    def tag(self, texts: Sequence[str]) -> list[list[Any]]:
        """Return the spans of each text: those of its likeliest legal row of tags."""
        return [spans_of(words, decode(odds, self.tags)) for words, odds in self.tag_probabilities(texts)]

    def classify(self, texts: Sequence[str], pairs: Sequence[str] | None = None) -> np.ndarray:
        """Return the probability of each label for each text (or text and second text), [texts, labels].

        Of a long text it is the mean over its windows.
        """
        self._need("classify")
        sums, counts = np.zeros((len(texts), len(self.labels))), np.zeros((len(texts), 1))
        for piece, odds in self.odds(list(self.reader.classed(texts, pairs))):
            sums[piece.owner] += odds[0]
            counts[piece.owner] += 1
        return sums / counts

    def odds(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, np.ndarray]]:
        """Yield each piece that has places with their probabilities, [places, labels]."""
        asked = [piece for piece in pieces if piece.keep]
        for _, places, found in self._read(asked, scores):
            odds = torch.softmax(found.double(), -1).numpy()
            sizes = np.cumsum([len(asked[i].keep) for i in places])[:-1]
            yield from zip((asked[i] for i in places), np.split(odds, sizes), strict=True)

    def _read(
        self, pieces: Sequence[Piece], ask: Callable[[PreTrainedModel, Sheet, Form], torch.Tensor]
    ) -> Iterator[tuple[Sheet, list[int], torch.Tensor]]:
        """Yield (a row, which pieces, or for ``states`` whose, it holds, what was found), rows sharing the threads."""
        order = sorted(range(len(pieces)), key=lambda i: -len(pieces[i].ids))
        sizes = [len(pieces[i].ids) for i in order]
        rows = [[order[i] for i in row] for row in fill_rows(sizes, max([self.row, *sizes]))]

        def read(places: list[int]) -> tuple[Sheet, list[int], torch.Tensor]:
            with torch.inference_mode():
                sheet = lay([pieces[i] for i in places], self.form)
                found = ask(self.net, sheet.to(self.net.device), self.form).cpu()
            return sheet, [pieces[i].owner for i in places] if ask is states else places, found

        yield from side_by_side(read, rows, self.net.device)

    def _need(self, head: str) -> None:
        if self.head != head:
            made = {"tag": "no tags to words", "classify": "no class to texts"}[head]
            raise Unsupported(
                f"{self.name} gives {made}; it is for {self.head or 'vectors'}. Train one: encode, with task: {head}"
            )

    def generate(self, *args: Any, **settings: Any) -> Any:
        """Raise Unsupported: an encoder writes nothing."""
        raise Unsupported(f"{self.name} is an encoder and writes nothing; a causal language model does")

    stream = loglik = generate


def is_encoder(folder: Path | str) -> bool:
    """Return whether a folder's config is that of an encoder, by its architecture."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        return False
    config = json.loads(path.read_text(encoding="utf-8"))
    classes = [str(name) for name in config.get("architectures") or ()]
    written = any("CausalLM" in name or "LMHead" in name for name in classes) or config.get("is_decoder")
    whole = not config.get("is_encoder_decoder") and not written
    return whole and config.get("model_type") in MODEL_FOR_MASKED_LM_MAPPING_NAMES


def head_of(folder: Path | str) -> str:
    """Return what the encoder of a folder is for."""
    names = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8")).get("architectures") or [""]
    ends = {"ForTokenClassification": "tag", "ForSequenceClassification": "classify", "ForMaskedLM": "mlm"}
    return next((head for end, head in ends.items() if str(names[0]).endswith(end)), "")


def read_encoder(folder: Path | str, head: str, labels: Sequence[str] | None = None) -> PreTrainedModel:
    """Return the network of a folder in fp32 with a head; with ``labels`` a fresh one, unless it has just these.

    A fresh head is drawn from torch's own generator. Raises ModelError where none can be read.
    """
    named: dict[str, Any] = {}
    if labels is not None:
        named["id2label"] = dict(enumerate(labels))
        named["label2id"] = {label: i for i, label in enumerate(labels)}
    try:
        with quiet_transformers():
            logged = transformers.logging.get_verbosity()
            transformers.logging.set_verbosity_error()  # it tells at length of each weight that a new head lacks
            try:
                return getattr(transformers, HEADS[head]).from_pretrained(
                    str(folder),
                    dtype=torch.float32,
                    use_safetensors=True,
                    trust_remote_code=False,
                    ignore_mismatched_sizes=True,
                    **named,
                )
            finally:
                transformers.logging.set_verbosity(logged)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise ModelError(f"no encoder could be read from {folder}: {reason}") from error


def reader_of(folder: Path | str, net: PreTrainedModel, form: Form) -> Reader:
    """Return the reader of a folder's tokenizer, for windows of as many tokens as the network has positions."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    config = net.config.get_text_config()
    positions = int(getattr(config, "max_position_embeddings", 0) or 512) - form.first
    return Reader(tokenizer, min(positions, int(tokenizer.model_max_length)))


def open_encoder(folder: Path | str, *, name: str, hash: str, type: str = "auto") -> EncoderModel:
    """Return the encoder of a folder (or hub id), ready to be asked; ``type`` is "fp32", "bf16" or "auto"."""
    head = head_of(folder)
    net = read_encoder(folder, "" if head == "mlm" else head).eval()
    form = prepared(net)
    reader = reader_of(folder, net, form)
    low = precision(type)
    net = mixed(net.requires_grad_(False), low, learns=False).to(device())
    net = pack(net) if low == torch.float32 else net
    row = ROW if net.device.type == "cpu" else GPU_ROW
    return EncoderModel(name, hash, net, reader, form, "" if head == "mlm" else head, row)
