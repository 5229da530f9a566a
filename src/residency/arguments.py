"""What the command line's arguments may be, and docs/cli.md, made from the parser."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import NoReturn

from residency.core.legal import Range
from residency.core.scalars import read_scalar


def whole(legal: Range) -> Callable[[str], int]:
    """Return an argument's type: a whole number in a range, refused with the range otherwise."""

    def read(text: str) -> int:
        value = read_scalar(text, int)
        problem = f"{text!r} is not a whole number; legal: {legal.legal}" if value is None else legal.problem(value)
        if value is None or problem:
            raise argparse.ArgumentTypeError(problem)
        return int(value)

    return read


def words(text: str) -> str:
    """Return an argument that must say something."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is blank; write it out, in quotes where it has spaces")
    return text


def error_document(kind: str, message: str, code: int) -> str:
    """Return the one document that ``--json`` prints for an error."""
    return json.dumps({"error": {"kind": kind, "message": message}, "exit_code": code}, ensure_ascii=False)


class JsonParser(argparse.ArgumentParser):
    """A parser, and so are its verbs, whose mistakes are a document on standard output, as other errors are."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake and leave with code 2."""
        print(error_document("UserError", message, 2), flush=True)
        self.exit(2)


def page(parser: argparse.ArgumentParser) -> str:
    """Return docs/cli.md, made from the parser: ``python -m residency.cli --docs > docs/cli.md``."""
    verbs = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    parts = ["# The command line", "", "Made by `python -m residency.cli --docs`; a test holds it to the parser.", ""]
    for name, verb in verbs.choices.items():
        actions = [action for action in verb._actions if action.dest != "help"]
        actions.sort(key=lambda action: (bool(action.option_strings), action.dest in ("json", "trace")))
        parts += [f"## residency {name}", "", verb.description or "", ""]
        parts += ["```", " ".join(["residency", name, *map(_usage, actions)]), "```", ""]
        parts += ["| argument | meaning |", "|---|---|"]
        parts += [
            f"| `{_usage(action).strip('[]').replace('|', chr(92) + '|')}` | {action.help} |" for action in actions
        ]
        parts.append("")
    return "\n".join(parts + [EXIT_CODES])


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"[{action.metavar} ...]" if action.nargs == "*" else str(action.metavar)
    return f"[{action.option_strings[0]}{f' {action.metavar}' if action.metavar else ''}]"


EXIT_CODES = """## Exit codes and environment

| code | meaning |
|---|---|
| 0 | done, whatever the numbers say: of a run, `parity.passed` in `--json` tells whether the GGUF passed its check |
| 1 | a fault of ours, or of the machine (a full disk); finished stages are intact |
| 2 | something you can mend: the message says what is legal |
| 130 | stopped by Ctrl-C; the same command goes on |

| variable | meaning |
|---|---|
| `RESIDENCY_RUNS` | the folder of all runs (default: `runs` here) |
| `RESIDENCY_DB` | the index of runs, as an SQLAlchemy URL (default: a SQLite file in the runs folder) |
| `RESIDENCY_CACHE` | converted weights (default: `~/.cache/residency`) |
| `RESIDENCY_DATA` | data sets that cannot be shipped |
"""
