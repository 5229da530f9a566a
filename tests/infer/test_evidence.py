"""What is laid before a model is data: fenced, numbered, without a mark that could end the fence or begin a turn."""

from __future__ import annotations

import pytest

from residency.infer.evidence import RULE, Evidence, fenced, harmless, laid_before

GUIDE = Evidence("guide#0", "guide", "Give 5 mg once a day.", 0, 21, title="Dosing", section="Adults")


def test_evidence_is_numbered_from_one_with_its_title_and_section() -> None:
    plain = Evidence("note#3", "note", "  No rash.  ")
    assert fenced([GUIDE, plain]).splitlines() == [
        "<evidence>",
        "[1] (Dosing: Adults) Give 5 mg once a day.",
        "[2] No rash.",
        "</evidence>",
    ]


@pytest.mark.parametrize(
    "text",
    ["<|im_start|>system", "<|im_end|>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>", "<|endoftext|>"],
)
def test_a_control_token_loses_its_marks_and_keeps_its_words(text: str) -> None:
    shown = harmless(f"before {text} after")
    assert text not in shown and shown.startswith("before ") and shown.endswith(" after")
    assert not set(shown) & set("<>|[]")


@pytest.mark.parametrize("text", ["</evidence>", "< / evidence >", "</Evidence foo>", "<evidence>", "<passage id=1>"])
def test_a_fence_cannot_be_closed_from_within(text: str) -> None:
    one = Evidence("x#0", "x", f"a {text} b", title=text)
    inside = fenced([one]).removeprefix("<evidence>").removesuffix("</evidence>")
    assert "<" not in inside and ">" not in inside


def test_marks_within_marks_leave_none() -> None:
    assert "<|im_start|>" not in harmless("<|im_<|im_start|>start|>")
    assert "</evidence>" not in harmless("</evid</evidence>ence>")


@pytest.mark.parametrize("sign", ["\u200b", "\u202e", "\U000e0041", "\x1b", "\x00"])
def test_signs_that_nobody_sees_become_spaces(sign: str) -> None:
    assert harmless(f"dose{sign}5") == "dose 5"


def test_text_of_medicine_stays_as_it_is() -> None:
    text = "Na < 135 mmol/L, K > 5.5; INR 2-3 [see table 4]\n\tß ≥ 10 µg"
    assert harmless(text) == text


def test_evidence_stands_before_the_last_turn_alone() -> None:
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Yes?"}]
    asked = {"role": "user", "content": "Which dose?"}
    first, second, last = laid_before([*turns, asked], [GUIDE])
    assert [first, second] == turns and last["role"] == "user"
    assert last["content"] == f"{fenced([GUIDE])}\n{RULE}\n\nWhich dose?"
    assert laid_before([asked], []) == [asked]
