"""Calibration: fitted on development items, stored with the model, applied to that model and kind alone."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from residency.core.errors import UserError
from residency.core.store import write_json, write_jsonl
from residency.measure.calibration import confidences
from residency.serve.guard import Guard, calibration, open_guard
from residency.serve.guard.confidence import word

HASH = "ab" * 32


def items(folder: Path, *, n: int = 400, part: str = "validation", hot: float = 3.0, right: bool = True) -> Path:
    """Write items of a model that is ``hot`` times too sure of itself, and return their file."""
    draw = np.random.default_rng(3)
    rows = []
    for number in range(n):
        true = draw.normal(size=4) * 1.5
        odds = np.exp(true) / np.exp(true).sum()
        answer = int(draw.choice(4, p=odds))
        said = (hot * true).tolist()
        score = float(int(np.argmax(true)) == answer)
        rows.append(
            {"id": str(number), "choice_logprobs": said, "score": score, **({"right": answer} if right else {})}
        )
    path = folder / "items" / "qa" / "m.jsonl"
    write_jsonl(path, rows)
    write_json(path.with_name("m.protocol.json"), {"task": "qa", "model": "m", "model_hash": HASH, "split": part})
    return path


def test_the_temperature_undoes_too_much_confidence_as_an_independent_search_finds_it(tmp_path: Path) -> None:
    path = items(tmp_path)
    made = calibration.fit(path, kind="choice")
    rows = list(calibration.read_jsonl(path))

    def loss(log_t: float) -> float:
        logits = np.array([row["choice_logprobs"] for row in rows]) / math.exp(log_t)
        norm = np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1)) + logits.max(1)
        return float((norm - logits[np.arange(len(rows)), [row["right"] for row in rows]]).mean())

    best = minimize_scalar(loss, bounds=(-3, 3.9), method="bounded", options={"xatol": 1e-8})
    assert made.temperature == pytest.approx(math.exp(best.x), rel=1e-3) == pytest.approx(3.0, rel=0.25)
    assert made.ece_after < 0.06 < made.ece_before and made.n == 400 and made.hash == HASH


def test_without_the_right_options_place_it_is_fitted_on_right_or_wrong(tmp_path: Path) -> None:
    assert calibration.fit(items(tmp_path, right=False), kind="choice").temperature == pytest.approx(3.0, rel=0.35)


@pytest.mark.parametrize("part", ["test", "", "train"])
def test_test_items_are_refused(tmp_path: Path, part: str) -> None:
    with pytest.raises(UserError, match="calibration is fitted on validation"):
        calibration.fit(items(tmp_path, part=part), kind="choice")


def test_too_few_items_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="49 items"):
        calibration.fit(items(tmp_path, n=49), kind="choice")


def test_above_the_threshold_the_target_is_reached_and_where_none_does_it_always_abstains(tmp_path: Path) -> None:
    path = items(tmp_path, n=1000)
    made = calibration.fit(path, kind="choice", target=0.7)
    rows = list(calibration.read_jsonl(path))
    kept = [
        row["score"]
        for row in rows
        if confidences(row["choice_logprobs"], temperature=made.temperature).max() >= made.threshold
    ]
    assert 0.1 < made.answered < 0.9 and np.mean(kept) > 0.7
    never = calibration.fit(path, kind="choice", target=0.999)
    assert never.threshold > 1 and never.answered == 0


def test_the_limits_of_a_share_are_those_of_a_hand_worked_case() -> None:
    low, high = calibration.limits(8, 10)  # Clopper and Pearson's table: 0.444 to 0.975
    assert (round(low, 3), round(high, 3)) == (0.444, 0.975)
    assert calibration.limits(0, 10)[0] == 0.0 and calibration.limits(10, 10)[1] == 1.0


def test_ranges_meet_without_a_gap_and_count_every_item_once(tmp_path: Path) -> None:
    made = calibration.fit(items(tmp_path), kind="choice")
    assert made.bands[0].low == 0.0 and made.bands[-1].high == 1.0 and sum(band.n for band in made.bands) == 400
    assert all(one.high == other.low for one, other in zip(made.bands, made.bands[1:], strict=False))
    assert all(band.least <= band.share <= band.most for band in made.bands)


def test_it_is_applied_to_its_model_and_kind_alone(tmp_path: Path) -> None:
    made = calibration.fit(items(tmp_path), kind="choice", target=0.6)
    calibration.write(made, tmp_path / "run")
    (tmp_path / "run" / "gguf").mkdir()
    guard = Guard(
        calibrations={(one.hash, one.kind): one for one in calibration.beside(tmp_path / "run" / "gguf" / "m.gguf")}
    )
    sure = {"choice_logprobs": [9.0, 0.0, 0.0, 0.0]}
    known = guard.confidence(HASH, "choice", sure)
    assert known.calibrated and known.value == pytest.approx(
        math.exp(9 / made.temperature) / (math.exp(9 / made.temperature) + 3)
    )
    for other in (("cd" * 32, "choice"), (HASH, "classify")):
        assert guard.confidence(*other, sure) == guard.confidence(HASH, "choice", {"text": "Yes"})
        assert not guard.confidence(*other, sure).calibrated


def test_below_the_threshold_it_abstains_and_hands_over_with_an_urgency(tmp_path: Path) -> None:
    made = calibration.fit(items(tmp_path), kind="choice", target=0.6)
    guard = Guard(calibrations={(HASH, "choice"): made})
    assert guard.confidence(HASH, "choice", {"choice_logprobs": [0.1, 0.0, 0.0, 0.0]}).abstain
    assert not guard.confidence(HASH, "choice", {"choice_logprobs": [30.0, 0.0, 0.0, 0.0]}).abstain
    assert "112" in guard.hand_over("emergency") and "hoy" in guard.hand_over("urgent", "es")
    assert guard.hand_over(None) == guard.hand_over("routine")


def test_a_confidence_is_told_in_words_with_what_they_were_measured_on(tmp_path: Path) -> None:
    made = calibration.fit(items(tmp_path), kind="choice")
    guard = Guard(calibrations={(HASH, "choice"): made})
    told = guard.confidence(HASH, "choice", {"choice_logprobs": [30.0, 0.0, 0.0, 0.0]})
    top = made.bands[-1]
    assert guard.in_words(told).endswith(f"of {top.n} development items answered with such confidence (qa)")
    assert guard.in_words(guard.confidence("", "", {})) == "not measured"
    assert "sin medir" in guard.in_words(guard.confidence("", "", {}), "es")


@pytest.mark.parametrize(
    ("least", "said"), [(0.95, "very-likely"), (0.75, "likely"), (0.55, "rather"), (0.2, "unsure")]
)
def test_a_word_goes_by_the_lower_limit_of_what_was_measured(tmp_path: Path, least: float, said: str) -> None:
    made = calibration.fit(items(tmp_path), kind="choice")
    band = calibration.Band(0.0, 1.0, 100, 97, least, 0.99)
    assert (
        word(calibration.Calibration(**{**{f: getattr(made, f) for f in made.__slots__}, "bands": (band,)}), 0.5)
        == said
    )


@pytest.mark.parametrize(
    "reply", [None, {}, {"choice_logprobs": [1.0]}, {"choice_logprobs": [float("nan"), 1.0]}, {"choice_logprobs": "x"}]
)
def test_a_reply_that_does_not_tell_its_odds_is_not_calibrated(tmp_path: Path, reply: object) -> None:
    made = calibration.fit(items(tmp_path), kind="choice")
    assert not Guard(calibrations={(HASH, "choice"): made}).confidence(HASH, "choice", reply).calibrated


@pytest.mark.parametrize(
    "change", [{"temperature": -1}, {"temperature": float("nan")}, {"part": "test"}, {"frob": 1}, {"bands": 3}]
)
def test_a_file_that_is_no_sound_calibration_is_refused(tmp_path: Path, change: dict) -> None:
    path = calibration.write(calibration.fit(items(tmp_path), kind="choice"), tmp_path)
    write_json(path, {**calibration.read_json(path), **change})
    with pytest.raises(UserError, match="fit it again"):
        calibration.read(path)


def test_a_service_opens_its_guard_with_what_lies_beside_its_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("residency.serve.guard.finders", dict)
    calibration.write(calibration.fit(items(tmp_path), kind="choice"), tmp_path / "run")
    guard = open_guard(models=[tmp_path / "run"], emergency="144")
    assert guard.about()["calibrations"] == [{"hash": HASH, "kind": "choice"}]
