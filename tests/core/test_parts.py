"""Parts become the file that would have been written whole, and a killed process loses one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.core.parts import Parts, Rows
from residency.core.store import read_jsonl, write_jsonl


def part_rows(*numbers: int) -> list[dict[str, object]]:
    return [{"id": str(n), "said": "ä" * n, "score": n / 3} for n in numbers]


def test_parts_become_the_file_that_would_have_been_written_whole(tmp_path: Path) -> None:
    target, whole = tmp_path / "rows.jsonl", tmp_path / "whole.jsonl"
    with Parts(tmp_path / "rows.part", "mark") as parts:
        later = parts.append(part_rows(3, 4))
        first = parts.append(part_rows(1, 2))
        parts.whole(target, [*first, *later])
    write_jsonl(whole, part_rows(1, 2, 3, 4))
    assert target.read_bytes() == whole.read_bytes()
    assert [row["id"] for row in Rows(target)] == ["1", "2", "3", "4"]


def test_parts_of_a_killed_process_are_taken_over_and_half_a_line_is_not(tmp_path: Path) -> None:
    path = tmp_path / "rows.part"
    with Parts(path, "mark") as parts:
        parts.append(part_rows(1, 2, 3))
    with path.open("ab") as handle:
        handle.write(b'{"id": "4", "sa')
    with Parts(path, "mark", wanted=lambda row: row["id"] != "2") as parts:
        assert list(parts.done) == ["1", "3"]
        (new,) = parts.append(part_rows(2))
        parts.whole(tmp_path / "rows.jsonl", [parts.done["1"], new, parts.done["3"]])
    assert list(read_jsonl(tmp_path / "rows.jsonl")) == part_rows(1, 2, 3)


@pytest.mark.parametrize("earlier", ["", '{"ma', '{"mark": "another"}\n{"id": "1"}\n', '{"id": "1", "mark": "mark"}\n'])
def test_parts_under_another_mark_do_not_count(earlier: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.part"
    path.write_text(earlier)
    with Parts(path, "mark") as parts:
        assert parts.done == {}
        parts.append(part_rows(1))
    assert list(read_jsonl(path)) == [{"mark": "mark"}, *part_rows(1)]
