"""Our scorer as a model of lm-evaluation-harness, so that every task it knows runs on it: ``residency lm-eval …``.

It answers what ``hf`` answers: the same tokens, truncation, stops and greedy choices. What differs is that contexts
which begin alike are computed once, equal contexts once for all of their answers, and nothing is padded. Exact fp32
by default; ``type=bf16`` is faster and approximate.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import lru_cache
from typing import Any, NoReturn
from unittest.mock import patch

os.environ.setdefault("HF_UPDATE_DOWNLOAD_COUNTS", "0")  # else each data set that is read is told to a bucket

from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from residency.core.errors import ModelError, UserError
from residency.core.runs import in_runs
from residency.evaluate.foreign import no_foreign_code, refuse_flags
from residency.infer.shared import families
from residency.models.decode import Sampling
from residency.models.load import find, open_source
from residency.models.local import LocalModel

NAME = "residency"
NO_MODEL = "say which model: --model_args pretrained=runs/latest:aligned (or a folder, or a hub id)"


class ResidencyLM(TemplateLM):
    """A causal language model, scored by shared prefixes and written in unpadded batches."""

    def __init__(
        self,
        pretrained: str = "",
        type: str = "fp32",
        max_length: int | None = None,
        max_gen_toks: int = 256,
        batch_size: Any = None,
        max_batch_size: Any = None,
        device: Any = None,
        **unknown: Any,
    ) -> None:
        super().__init__()
        if unknown:
            raise UserError(
                f"--model_args of {NAME} are pretrained, type, max_length and max_gen_toks; not {', '.join(unknown)}"
            )
        if not pretrained:
            raise UserError(NO_MODEL)
        model = open_source(find(in_runs(str(pretrained))), type=type)
        if not isinstance(model, LocalModel):
            raise ModelError(f"{pretrained} gives no likelihoods; give its transformers form (a folder or an adapter)")
        self.model = model
        self.tokenizer = model.tokenizer
        self.max_length = int(max_length or model.context)
        self.max_gen_toks = int(max_gen_toks)

        @lru_cache(maxsize=4)  # a context is asked for again with each of its answers
        def encoded(string: str, special: bool) -> list[int]:
            ids: list[int] = self.tokenizer(string, add_special_tokens=special)["input_ids"]
            return ids

        self._encoded = encoded

    @property
    def eot_token_id(self) -> int:
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        bos = self.tokenizer.bos_token_id
        return int(bos) if bos is not None else self.eot_token_id

    @property
    def tokenizer_name(self) -> str:
        return self.model.name.replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        return list(self._encoded(string, bool(add_special_tokens)))

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        text: str = self.tokenizer.apply_chat_template(
            chat_history,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
        )
        return text

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, list[int], list[int]]], **_: Any
    ) -> list[tuple[float, bool]]:
        pairs = [self._cut(context, answer) for _key, context, answer in requests]
        scores = self.model.score_families([(family.prefix, family.blocks) for family in families(pairs)])
        answers = [(scores[i].total, all(scores[i].greedy)) for i in range(len(pairs))]
        for (key, _context, _answer), found in zip(requests, answers, strict=True):
            if key is not None:
                self.cache_hook.add_partial("loglikelihood", key, found)
        return answers

    def _cut(self, context: list[int], answer: list[int]) -> tuple[list[int], list[int]]:
        """Return the pair with the context's beginning cut where both together are too long, as ``hf`` does."""
        over = len(context) + len(answer) - (self.max_length + 1)
        return (context[over:], answer) if over > 0 else (context, answer)

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """Return the log-likelihood of each whole text, in windows of the model's length."""
        windows, owners = [], []
        for number, request in enumerate(requests):
            ids = self.tok_encode(request.args[0])
            for pair in get_rolling_token_windows(ids, self.prefix_token_id, self.max_length, 1):
                context, answer = make_disjoint_window(pair)
                windows.append((None, context, answer))
                owners.append(number)
        sums = [0.0] * len(requests)
        for owner, (value, _greedy) in zip(owners, self._loglikelihood_tokens(windows), strict=True):
            sums[owner] += value
        for request, value in zip(requests, sums, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, value)
        return sums

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Return what follows each context up to the first stop text, which is left out."""
        eos = self.tokenizer.decode([self.eot_token_id])
        texts: list[str] = [""] * len(requests)
        settings: dict[str, list[int]] = {}
        for number, request in enumerate(requests):
            settings.setdefault(repr(sorted(request.args[1].items(), key=str)), []).append(number)
        for numbers in settings.values():
            asked = normalize_gen_kwargs(requests[numbers[0]].args[1], self.max_gen_toks)
            until = handle_stop_sequences(asked.get("until"), eos=eos)
            room = self.max_length - asked["max_gen_toks"]
            encoded = [self.tok_encode(requests[i].args[0])[-room:] for i in numbers]
            temperature = float(asked.get("temperature") or 0.0) if asked.get("do_sample") else 0.0
            how = Sampling(asked["max_gen_toks"], temperature, stop=tuple(s for s in until if s))
            replies = self.model.write(encoded, how)
            for i, reply in zip(numbers, replies, strict=True):
                texts[i] = reply.text or ""
                self.cache_hook.add_partial("generate_until", requests[i].args, texts[i])
        return texts


def register() -> None:
    """Make ``--model residency`` known to the installed harness (0.4.13 finds no entry points by itself)."""
    import lm_eval.models  # noqa: F401  (the registry's own entries come first)
    from lm_eval.api.registry import model_registry

    if NAME not in model_registry:
        model_registry.register(NAME, target=f"{__name__}:ResidencyLM")


def run_harness(arguments: Sequence[str], *, allow_code: bool = False, as_json: bool = False) -> dict[str, Any]:
    """Hand the arguments to lm-evaluation-harness's own command line, ``--model residency`` where none is given.

    Returns what it computed (``output``, its words, where it computes nothing); with ``as_json`` what it prints goes to
    standard error. Raises UserError where Python of a task file (``!function``), model or data set would be run and
    that is not allowed, and for what its command line does not understand.
    """
    given = list(arguments)
    register()
    from lm_eval.utils import setup_logging

    if given and given[0] not in ("run", "ls", "validate") and not given[0].startswith(("-h", "--help")):
        given = ["run", *given]
    if given[:1] == ["run"] and not any(a == "--model" or a.startswith("--model=") for a in given):
        given[1:1] = ["--model", NAME]
    setup_logging()
    printed = io.StringIO()
    with ExitStack() as stack:
        stack.enter_context(patch.object(sys, "argv", ["residency lm-eval", *given]))
        found = stack.enter_context(_results())
        if not allow_code:
            stack.enter_context(no_foreign_code())
        if as_json:
            stack.callback(lambda: print(printed.getvalue(), end="", file=sys.stderr))
            stack.enter_context(redirect_stdout(printed))
        try:
            _execute(allow_code)
        except SystemExit as stop:
            if stop.code and as_json:
                said = printed.getvalue().strip().splitlines() or [f"it stopped with code {stop.code}"]
                raise UserError(f"lm-evaluation-harness: {said[-1]}") from None
            if not as_json:
                raise
    return _document(found[0]) if found else {"output": printed.getvalue()}


def _execute(allow_code: bool) -> None:
    """Run what stands in ``sys.argv``."""
    from lm_eval._cli import HarnessCLI

    cli = HarnessCLI()
    for parser in (cli._parser, *cli._subparsers.choices.values()):
        parser.error = _mistake  # type: ignore[method-assign]
    args = cli.parse_args()
    settings = _settings(vars(args))
    if not allow_code:
        refuse_flags(settings)
    named = "pretrained" in str(settings.get("model_args"))
    if settings.get("command") == "run" and settings.get("model") == NAME and not named:
        raise UserError(NO_MODEL)  # before all tasks are looked through
    try:
        cli.execute(args)
    except ValueError as error:
        if "not found" not in str(error):  # its own words for a task that it does not know
            raise
        raise UserError(f"lm-evaluation-harness: {str(error).splitlines()[0]}") from None


def _mistake(message: str) -> NoReturn:
    raise UserError(f"lm-evaluation-harness: {message}; its arguments: residency lm-eval run --help")


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the harness's settings: those of its ``--config`` with those of the line laid over them."""
    from lm_eval.config.evaluate_config import EvaluatorConfig

    try:
        config = EvaluatorConfig.load_yaml_config(given["config"]) if given.get("config") else {}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"--config: {error}") from None
    return {**config, **{key: value for key, value in given.items() if value}}


@contextmanager
def _results() -> Iterator[list[dict[str, Any]]]:
    """Give a list that gets the results which the harness's command line computes and only prints."""
    import lm_eval

    found: list[dict[str, Any]] = []
    evaluate = lm_eval.simple_evaluate

    def kept(*args: Any, **settings: Any) -> Any:
        results = evaluate(*args, **settings)
        found.extend([results] if results is not None else [])
        return results

    with patch.object(lm_eval, "simple_evaluate", kept):
        yield found


def _document(results: dict[str, Any]) -> dict[str, Any]:
    """Return results as JSON holds them, without every item's samples (``--log_samples`` writes those to files)."""
    from lm_eval.utils import handle_non_serializable

    kept = {key: value for key, value in results.items() if key != "samples"}
    document: dict[str, Any] = json.loads(json.dumps(kept, default=handle_non_serializable))
    return document
