"""A bar for people, plain lines for logs, nothing when quiet; always on standard error."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest

from residency.core import progress as module
from residency.core.progress import Bar, duration, progress, say, set_quiet, track


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def loud_again() -> Iterator[None]:
    yield
    set_quiet(False)


def test_a_short_step_leaves_no_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("read", total=3) as bar:
        bar.add(3)
    assert capsys.readouterr() == ("", "")


def test_a_long_step_writes_a_plain_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINE_SECONDS", 0.0)
    with progress("train", total=200, unit="tok") as bar:
        bar.add(50, loss=1.23456)
    out, err = capsys.readouterr()
    assert out == ""
    first = err.splitlines()[0]
    assert first.startswith("train") and "25%" in first and "50/200 tok" in first
    assert "left" in first and "loss 1.235" in first and "\r" not in err


def test_what_an_earlier_start_did_counts_in_the_share_and_not_in_the_time_left() -> None:
    bar = Bar("train", 100, "step", io.StringIO(), before=80)
    bar.began -= 50
    assert " 80%" in bar.text() and "left" not in bar.text()
    bar.add(10)
    assert " 90%" in bar.text() and "50 s left" in bar.text()


def test_a_terminal_gets_a_bar_that_ends_full(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(track("abcd", "read")) == list("abcd")
    last = terminal.getvalue().rstrip("\n").split("\r")[-1]
    assert "100%" in last and "█" * 20 in last and "4/4 items" in last
    assert terminal.getvalue().endswith("\n")


def test_quiet_means_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    set_quiet()
    say("hello")
    list(track(range(3), "read"))
    assert terminal.getvalue() == ""


def test_a_step_of_unknown_length_counts_without_a_share() -> None:
    bar = Bar("read", None, "rows", io.StringIO())
    bar.add(12_345)
    assert "12.3k rows" in bar.text() and "%" not in bar.text()


def test_an_error_inside_ends_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(KeyError), progress("read", total=2):
        raise KeyError
    assert terminal.getvalue().endswith("\n")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (4320, "1 h 12 min")],
)
def test_durations_read_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words
