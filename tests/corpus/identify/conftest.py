"""What finds identifiers needs compiled code and Faker's names; taggers of these tests learn little and live apart."""

import pytest

pytest.importorskip("faker", reason="names for practice are Faker's")
pytest.importorskip("numba", reason="words are cut by compiled code")

from residency.corpus.identify import trained
from toy_encoder import toy_bert  # noqa: F401


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """A cache folder in which taggers of little practice are kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESIDENCY_CACHE", str(tmp_path_factory.mktemp("kept")))
        patch.setattr(trained, "TEXTS", 120)
        patch.setattr(trained, "EPOCHS", 2)
        trained._opened.cache_clear()
        yield trained.cache_folder()
        trained._opened.cache_clear()
