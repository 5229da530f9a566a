"""The floors hold: a package imports from lower floors only, also inside functions; light rooms stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "residency"
FLOORS = {
    "core": 0,
    **dict.fromkeys(("corpus", "models", "measure", "catalog"), 1),
    **dict.fromkeys(("train", "infer"), 2),
    **dict.fromkeys(("evaluate", "compress"), 3),
    **dict.fromkeys(("release", "serve", "advise"), 4),
}
TOP = 5
WITHOUT_TORCH = ("core", "corpus", "measure", "catalog")
HEAVY = ("torch", "transformers", "peft", "accelerate", "xllamacpp", "fastapi", "starlette", "uvicorn")


def modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py"))


def room(path: Path) -> str:
    """Return the package that a file belongs to; the files of the top floor are rooms of their own."""
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import of a file, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            where = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{where}.{alias.name}") for alias in node.names)


def wrong(path: Path, line: int, name: str) -> str | None:
    """Return what is wrong with an import, if anything is."""
    place = f"{path.relative_to(SOURCE)}:{line} imports {name}"
    if name.startswith("."):
        return f"{place}: relative imports hide the floor; write the whole name"
    parts = name.split(".")
    if parts[0] != "residency" or len(parts) < 2 or parts[1].startswith("__"):
        return None
    mine, other = room(path), parts[1]
    if not mine or (mine == other):
        return None
    floor = FLOORS.get(other, TOP)
    return f"{place}: floor {floor} is not below floor {FLOORS[mine]}" if floor >= FLOORS[mine] else None


def test_every_package_has_a_floor() -> None:
    assert {room(path) for path in modules()} - {""} <= set(FLOORS)


def test_packages_import_from_lower_floors_only() -> None:
    found = [wrong(path, line, name) for path in modules() for line, name in imports(path)]
    assert [problem for problem in found if problem] == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/x.py", "from residency.measure import meter"),
        ("corpus/x.py", "def f():\n    import residency.models.load"),
        ("train/x.py", "from residency import infer"),
        ("release/x.py", "from residency.pipeline import walk"),
        ("models/x.py", "from . import local"),
    ],
)
def test_an_import_that_climbs_would_be_seen(file: str, line: str, tmp_path: Path) -> None:
    written = tmp_path / "x.py"
    written.write_text(line)
    assert any(wrong(SOURCE / file, number, name) for number, name in imports(written))


def test_the_light_rooms_name_neither_torch_nor_transformers() -> None:
    light = [path for path in modules() if room(path) in WITHOUT_TORCH]
    found = [f"{path.name}:{line}" for path in light for line, name in imports(path) if name.split(".")[0] in HEAVY]
    assert found == []


def loaded_after(*names: str) -> set[str]:
    """Return the heavy packages that a fresh process has loaded after importing some modules."""
    code = f"import sys\nfor name in {names!r}: __import__(name)\nprint(*({HEAVY!r} & sys.modules.keys()))"
    code = code.replace(repr(HEAVY), repr(set(HEAVY)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_residency_and_its_command_line_loads_nothing_heavy() -> None:
    assert (
        loaded_after("residency", "residency.cli", "residency.pipeline", "residency.doctor", "residency.summary")
        == set()
    )


def test_importing_every_light_module_loads_nothing_heavy() -> None:
    light = [path.relative_to(SOURCE.parent).with_suffix("") for path in modules() if room(path) in WITHOUT_TORCH]
    names = [".".join(path.parts).removesuffix(".__init__") for path in light]
    assert loaded_after(*names) == set()
