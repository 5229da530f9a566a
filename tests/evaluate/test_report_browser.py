"""The pages in a real browser: the report draws its four families, in light and in dark, and no page scrolls sideways.

The screenshot is what the README shows of a real run: ``python tests/evaluate/test_report_browser.py RUN PICTURE``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from residency.evaluate.grids import WIDE
from residency.evaluate.overview import overview
from residency.evaluate.report import report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REASON = "no chromium here: install Debian's chromium to see the report drawn (under CI=true this fails)"
pytestmark = pytest.mark.skipif(CHROMIUM is None and os.environ.get("CI") != "true", reason=REASON)


def browse(page: Path, scratch: Path, *options: str, size: str = "1240,1650") -> tuple[str, list[str]]:
    """Return the page's elements after its scripts ran, and what its console said."""
    assert CHROMIUM is not None, REASON
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={scratch}",
        "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--enable-logging=stderr",
        f"--window-size={size}", *options, page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, re.findall(r"CONSOLE[:(].*", done.stderr)


def with_script(page: Path, script: str, target: Path) -> Path:
    """Return a copy of the page that runs one more script at its end."""
    text = page.read_text(encoding="utf-8").replace("</body>", f"<script>{script}</script></body>")
    target.write_text(text, encoding="utf-8")
    return target


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fixture_run import make_run  # here, so that this file can also be run as a program

    run = make_run(tmp_path_factory.mktemp("runs") / "made-up")
    report(run, out=run / "report")
    return run / "report.html"


def test_the_browser_draws_the_four_families_without_a_word_on_the_console(page: Path, tmp_path: Path) -> None:
    script = (
        "document.querySelectorAll('article.family').forEach(function (part) { var box = "
        "part.querySelector('svg .bar.aligned').getBoundingClientRect(); part.dataset.drawn = "
        "box.width > 50 && box.height > 5 && getComputedStyle(part.querySelector('.bar.aligned')).fill; });"
    )
    dom, said = browse(with_script(page, script, tmp_path / "page.html"), tmp_path / "profile", "--dump-dom")
    assert said == []
    drawn = dict(re.findall(r'<article id="(\w+)" class="family" data-drawn="([^"]+)"', dom))
    assert set(drawn) == {"qa", "nli", "ie", "gen"}
    assert set(drawn.values()) == {"rgb(13, 90, 102)"}


def test_an_error_on_the_console_would_be_seen(page: Path, tmp_path: Path) -> None:
    broken = with_script(page, "nothing_of_this_name();", tmp_path / "page.html")
    _, said = browse(broken, tmp_path / "profile", "--dump-dom")
    assert len(said) == 1 and "nothing_of_this_name" in said[0]


def measured(page: Path, scratch: Path, width: int) -> dict[str, int]:
    """Return by how many pixels a page with everything unfolded is too wide, and the most that a box in it is."""
    script = (
        "document.querySelectorAll('details').forEach(function (part) { part.open = true; });"
        "var most = 0; document.querySelectorAll('.scroll').forEach(function (box) { "
        "most = Math.max(most, box.scrollWidth - box.clientWidth); });"
        "document.body.dataset.wide = document.documentElement.scrollWidth - innerWidth;"
        "document.body.dataset.boxes = most; document.body.dataset.width = innerWidth;"
    )
    scratch.mkdir()
    copy = with_script(page, script, scratch / "page.html")
    dom, _ = browse(copy, scratch / "profile", "--dump-dom", size=f"{width},900")
    found = {key: int(number) for key, number in re.findall(r'data-(wide|boxes|width)="(-?\d+)"', dom)}
    assert found["width"] == width
    return found


def allowed(text: str) -> str:
    """Return a page that allows the test's own script, which its policy would refuse."""
    return text.replace("default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';")


NAMES = ("base", "tuned", "gguf", "http---127-0-0-1-8765-v1-a-long-name-of-an-endpoint", "aligned", "other")


def evaluation(models: int, target: Path) -> Path:
    """Return the page of an evaluation of so many models on every public task."""
    from fixture_evaluation import make_evaluation

    rows, compared = make_evaluation(NAMES[:models])
    target.write_text(allowed(overview(NAMES[:models], rows, compared)), encoding="utf-8")
    return target


@pytest.mark.parametrize("width", [500, 820, 1240, 1280])
def test_nothing_sticks_out_at_the_side_with_everything_unfolded(page: Path, tmp_path: Path, width: int) -> None:
    found = measured(page, tmp_path / "at", width)
    assert found["wide"] <= 0
    assert found["boxes"] <= 0 or width == 500


@pytest.mark.parametrize(
    ("models", "width"), [(1, 820), (2, 820), (3, 820), (6, 820), (2, 1280), (3, 1280), (6, 1280), (3, 500)]
)
def test_the_page_of_an_evaluation_does_not_scroll_sideways(models: int, width: int, tmp_path: Path) -> None:
    found = measured(evaluation(models, tmp_path / "evaluation.html"), tmp_path / "at", width)
    assert found["wide"] <= 0
    assert found["boxes"] <= 0 or width == 500 or models > WIDE, "a table moves in its own box where it need not"


def test_light_and_dark_are_two_pictures_with_ink_on_them(page: Path, tmp_path: Path) -> None:
    light, dark = tmp_path / "light.png", tmp_path / "dark.png"
    browse(page, tmp_path / "profile", f"--screenshot={light}")
    dark_page = with_script(page, "document.documentElement.dataset.theme = 'dark'", tmp_path / "page.html")
    browse(dark_page, tmp_path / "profile", f"--screenshot={dark}")
    first, second = (Image.open(path).convert("L") for path in (light, dark))
    assert first.size == second.size == (1240, 1650)
    assert first.getpixel((5, 5)) > 220 and second.getpixel((5, 5)) < 40  # type: ignore[operator]
    assert first.getextrema()[0] < 60 and second.getextrema()[1] > 200  # type: ignore[operator]


def picture(run: Path, target: Path) -> None:
    """Write the upper part of a run's report as a PNG."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as scratch:
        light = with_script(
            run / "report.html", "document.documentElement.dataset.theme = 'light'", Path(scratch, "p.html")
        )
        browse(light, Path(scratch, "profile"), f"--screenshot={target.resolve()}", size="1240,2050")
    Image.open(target).convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(target, optimize=True)


if __name__ == "__main__":
    picture(Path(sys.argv[1]), Path(sys.argv[2]))
