"""The graph that nobody named is HPO's, built once and kept by its version and bytes."""

import pytest

from fixture_graph import HPOA, OBO
from residency.core.errors import StorageError
from residency.infer.graph import default, open_graph


@pytest.fixture
def hpo(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "hp.obo").write_text(OBO)
    (folder / "phenotype.hpoa").write_text(HPOA)
    return folder


def test_it_is_built_once_and_again_only_for_other_files(tmp_path, hpo, monkeypatch):
    first = default.default_graph(cache=tmp_path / "cache", folder=hpo)
    assert open_graph(first).about["acknowledgement"].startswith("This product uses the Human Phenotype Ontology")
    assert "2031-05-04" in first.name
    with monkeypatch.context() as patch:
        patch.setattr(default, "build", lambda *_, **__: pytest.fail("it was there"))
        assert default.default_graph(cache=tmp_path / "cache", folder=hpo) == first
    (hpo / "phenotype.hpoa").write_text(HPOA.replace("Hazy", "Foggy"))
    other = default.default_graph(cache=tmp_path / "cache", folder=hpo)
    assert other != first and open_graph(other).code("foggy disease") == "TOY:1"


def test_a_cache_that_cannot_be_written_is_said(tmp_path, hpo):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageError, match="RESIDENCY_CACHE names another folder"):
        default.default_graph(cache=tmp_path / "cache", folder=hpo)
