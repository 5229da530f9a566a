"""What keeps lm-evaluation-harness from running Python that did not come with it: of task files, metrics and models.

It is kept at the few places where the harness and its libraries come to run such code, so that it does not matter by
which argument, file or ``include`` they are led there. Everything is put back afterwards.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from jinja2.exceptions import SecurityError
from jinja2.sandbox import SandboxedEnvironment

from residency.core.errors import UserError

ADVICE = "read it, then add --allow-code"
FLAGS = ("trust_remote_code", "confirm_run_unsafe_code")
OFF = ("", "0", "false", "no", "none")


@contextmanager
def no_foreign_code() -> Iterator[None]:
    """Raise UserError wherever code would be run that is no part of the installed harness."""
    import lm_eval.api.task as task
    import lm_eval.tasks._yaml_loader as loader
    import lm_eval.utils as utils
    import pandas
    from transformers import dynamic_module_utils

    box = SandboxedEnvironment(loader=utils.env.loader, undefined=utils.env.undefined, keep_trailing_newline=True)
    box.filters.update(utils.env.filters)
    with ExitStack() as stack:
        for owner, name, guarded in (
            (loader, "_mk_function_ctor", _guarded_functions(loader._mk_function_ctor)),
            (task, "get_metric", _guarded_metrics(task.get_metric)),
            (utils, "env", box),
            (dynamic_module_utils, "get_class_in_module", _refusal("the Python of a model or tokenizer")),
            (pandas, "read_pickle", _refusal("the Python in a pickle of a data set")),
        ):
            stack.enter_context(patch.object(owner, name, guarded))
        try:
            yield
        except Exception as error:
            raise _reason(error) from error


def _reason(error: Exception) -> Exception:
    """Return the UserError that other libraries have wrapped up, or what came."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, UserError):
            return found
        if isinstance(found, SecurityError):
            return UserError(f"a task's template would reach into Python ({found}); {ADVICE}")
        found = found.__cause__ or found.__context__
    return error


def is_packaged(folder: Path) -> bool:
    """Return whether a folder is part of the installed harness."""
    home = Path(str(importlib.import_module("lm_eval").__file__)).resolve().parent
    return folder.expanduser().resolve().is_relative_to(home)


def _guarded_functions(make: Callable[..., Any]) -> Callable[..., Any]:
    """Return the maker of the constructor of ``!function``, which refuses what lies outside of the harness."""

    def guarded(base_dir: Path, resolve: bool) -> Any:
        if not resolve or is_packaged(base_dir):
            return make(base_dir, resolve)

        def refuse(_loader: Any, node: Any) -> None:
            raise UserError(f"{node.start_mark.name} runs Python (!function); {ADVICE}")

        return refuse

    return guarded


def _guarded_metrics(get: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``get_metric`` without files and other people's repositories, whose Python it would load and run."""

    def guarded(name: str, elsewhere: bool = False) -> Any:
        from lm_eval.api.registry import metric_registry

        own = not elsewhere and name in metric_registry
        plain = name.replace("_", "").replace("-", "").isalnum() and not Path(name).exists()
        if not own and not plain:
            raise UserError(f"the metric {name} of a task is Python of a file or repository; {ADVICE}")
        return get(name, elsewhere)

    return guarded


def _refusal(what: str) -> Callable[..., Any]:
    def refuse(*given: Any, **_: Any) -> None:
        named = f" ({given[1]})" if len(given) > 1 else ""
        raise UserError(f"{what}{named} would be run; {ADVICE}")

    return refuse


def refuse_flags(settings: dict[str, Any]) -> None:
    """Raise UserError where settings of the harness, from the line or its ``--config``, ask to run foreign code."""
    parts: Sequence[Any] = [settings, *(settings.get(key) for key in ("model_args", "metadata", "gen_kwargs"))]
    for part in parts:
        pairs = _pairs(part) if isinstance(part, str) else part if isinstance(part, dict) else {}
        for flag in FLAGS:
            if str(pairs.get(flag, "")).strip().lower() not in OFF:
                raise UserError(f"{flag} runs code that is not yours; if you have read it, add --allow-code")


def _pairs(text: str) -> dict[str, str]:
    return {key.strip(): value for key, _, value in (pair.partition("=") for pair in text.split(","))}
