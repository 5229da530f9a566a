"""The README holds: its tree is the repository's, its commands and recipes are real, its links lead somewhere."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from residency import cli, pipeline
from residency.core.recipe import read_text, resolve
from residency.corpus.benchmarks import SETS
from residency.evaluate.tasks.own import read_declaration
from residency.infer.prompts.prompt import read_prompt

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FOLDERS = (".ci", "bench", "docs", "recipes", "src", "tests")
NOT_SOURCE = {".pyc", ".png"}
PACKAGE = ROOT / "src" / "residency"
ENTRIES = (
    "catalog/data/*/*.yaml",
    "infer/prompts/library/*.yaml",
    "serve/apps/library/*.yaml",
    "serve/workspace/pages/*.html",
)
"""Data files of the package that are one line a folder."""
CHEAP = ("residency --help", "residency doctor --json", "residency runs")
"""Run for real; the other commands are held against the parser, or against make."""


def blocks(language: str) -> list[str]:
    """Return the README's fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.M | re.S)


def commands() -> list[str]:
    """Return every line of every shell block, without its comment."""
    lines = (line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines())
    return [line.removeprefix(".venv/bin/") for line in lines if line]


def tree() -> Iterator[tuple[str, str]]:
    """Yield (path, comment) of the tree at the README's end; a folder's path ends in a slash."""
    block = next(block for block in blocks("text") if block.startswith("pyproject.toml"))
    above: list[str] = []
    for line in block.splitlines():
        found = re.fullmatch(r"( *)(\S+)(?: {2,}(.+))?", line)
        assert found, f"neither a file nor a folder: {line!r}"
        indent, name, comment = found.groups()
        above = [*above[: len(indent) // 2], name]
        yield "".join(above), comment or ""


def files() -> Iterator[str]:
    """Yield every source file of the repository; an ``__init__.py`` counts where it holds more than its docstring.

    The entries of the catalog, prompts, applications and templates, a file each, are one line a kind.
    """
    tops = [path for path in ROOT.iterdir() if path.is_file() and (path.name == ".gitignore" or path.name[0] != ".")]
    for path in sorted([*tops, *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]):
        if not path.is_file() or path.suffix in NOT_SOURCE or "__pycache__" in path.parts:
            continue
        if path.name == "__init__.py" and not holds_code(path):
            continue
        entry = path.is_relative_to(PACKAGE) and any(path.relative_to(PACKAGE).match(one) for one in ENTRIES)
        yield str((path.parent / f"*{path.suffix}" if entry else path).relative_to(ROOT))


def holds_code(path: Path) -> bool:
    """Return whether a module defines or imports anything of weight."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(isinstance(part, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom) for part in body)


def test_every_source_file_stands_in_the_tree_and_nothing_else() -> None:
    shown = {path for path, _ in tree() if not path.endswith("/")}
    assert shown == set(files())


def test_every_file_in_the_tree_has_a_comment_and_stands_there_once() -> None:
    listed = [path for path, _ in tree()]
    assert len(listed) == len(set(listed))
    assert not [path for path, comment in tree() if not comment and not path.endswith("/")]


@pytest.fixture
def users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that we are in, which holds what the README's ``path/to/…`` stand for."""
    mine = (
        "texts/a.txt",
        "more/a.txt",
        "safe/documents.jsonl",
        "labels.csv",
        "folder/a.md",
        "letters.jsonl",
        "our-exam.jsonl",
        "export/bundle.json",
        "model/config.json",
    )
    for file in (*mine, "model/model.safetensors"):
        path = tmp_path / "path" / "to" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"question": "What is told?"}\n' if file == "our-exam.jsonl" else "")
    for part in ("train", "dev", "test"):
        folder = tmp_path / "path" / "to" / "annotated" / part
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text(f"{part}: gout")
        (folder / "a.ann").write_text(f"T1\tFinding {len(part) + 2} {len(part) + 6}\tgout\n")
    for block in blocks("yaml"):
        if re.search(r"^task:", block, re.M):
            (tmp_path / block.split("\n")[0].strip("# ")).write_text(block, encoding="utf-8")
    for about in SETS.values():  # every public set has a folder, though an empty one
        (tmp_path / "sets" / about.folder).mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path / "sets"))
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path


@pytest.mark.parametrize("command", commands())
def test_every_command_is_one_that_there_is(command: str, users_folder: Path) -> None:
    verb, *rest = shlex.split(command)
    if verb == "torchrun":
        from torch.distributed.run import parse_args

        told = parse_args(rest)
        verb, rest = told.training_script, told.training_script_args
    if verb == "make":
        make = shutil.which("make")
        assert make, "make is not installed"
        done = subprocess.run([make, "-n", *rest], capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr
    elif verb == "residency" and rest != ["--help"]:
        given, others = cli.make_parser().parse_known_args(rest)
        assert not others or given.name == "lm-eval"
        if given.name in ("run", "train"):
            check_run(given.items)
    else:
        assert command in (". .venv/bin/activate", "residency --help"), "a command that no test knows"


def check_run(items: list[str]) -> None:
    """Resolve the recipe of a `residency run` as the command does, its file read from the README where it is shown."""
    named = [item for item in items if "=" not in item]
    shown = {block.split("\n")[0].strip("# "): block for block in blocks("yaml")}
    text = shown.get(named[0]) if named else None
    text = text or read_text(cli.find_recipe(named[0] if named else "quickstart"))
    resolve(text, [item for item in items if "=" in item], pipeline.sections(), name="README")


@pytest.mark.parametrize("command", CHEAP)
def test_the_cheap_commands_run(command: str) -> None:
    assert command in commands(), "no longer in the README"
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert "Traceback" not in done.stderr
    if command == "residency doctor --json":  # 2 where a part is missing here, which it then names
        assert done.returncode in (0, 2) and json.loads(done.stdout)["checks"]
    else:
        assert done.returncode == 0 and done.stdout.strip()


def test_every_recipe_shown_is_a_recipe(users_folder: Path) -> None:
    assert blocks("yaml")
    for block in blocks("yaml"):
        if re.search(r"^(?:task|id):", block, re.M):
            reads = read_declaration if re.search(r"^task:", block, re.M) else read_prompt
            (users_folder / "own.yaml").write_text(block, encoding="utf-8")
            assert reads(users_folder / "own.yaml")
        else:
            resolve(block, [], pipeline.sections(), name="README")


def headings_of(name: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    page = (ROOT / name).read_text(encoding="utf-8")
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.+)$", page, re.M)}


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"(?<!!)\[[^\]]+\]\(([^)]+)\)", README):
        name, _, anchor = target.partition("#")
        assert anchor in headings_of(name or "README.md") if anchor else (ROOT / name).exists(), target


def test_the_picture_is_there() -> None:
    [picture] = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    drawn = "it is drawn from a real run: python tests/evaluate/test_report_browser.py RUN " + picture
    assert (ROOT / picture).exists(), drawn
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    opened = re.findall(r"^```(.*)$", README, flags=re.M)[0::2]
    assert set(opened) == {"sh", "yaml", "text", "python"}  # the last is run by serve/api/test_client.py
