"""A made-up ontology of findings under HPO's root, and the findings of made-up diseases, as an opened graph."""

from __future__ import annotations

from pathlib import Path

from residency.corpus.graph.build import build
from residency.infer.graph import open_graph

KINDS = {
    "0001": "Trouble of the foot",
    "0002": "Trouble of the ear",
    "0003": "Trouble of the sleep",
    "0004": "Trouble of the hair",
    "0005": "Trouble of the voice",
}
FINDINGS = {
    "0011": ("Blue foot", "0001"),
    "0012": ("Square foot", "0001"),
    "0013": ("Humming foot", "0001"),
    "0014": ("Third foot", "0001"),
    "0015": ("Toe of glass", "0011"),
    "0021": ("Glass ear", "0002"),
    "0022": ("Ear that rings at noon", "0002"),
    "0031": ("Dreams in green", "0003"),
    "0032": ("Green dreaming", "0003"),
    "0041": ("Whispering plait", "0004"),
    "0051": ("Echo before speech", "0005"),
}
DISEASES = {"1": ("Hazy disease", ["0011"]), "2": ("Misty disease", ["0012", "0021"]), "3": ("Damp disease", ["0013"]),
            "4": ("Foggy disease", ["0014", "0022"]), "5": ("Rainy disease", ["0031", "0032"]),
            "6": ("Snowy disease", ["0041", "0051"])}  # fmt: skip


def small_graph(folder: Path):
    """Return the graph, built into a folder."""
    terms = [("0000118", "Abnormal thing", None)]
    terms += [(f"9{key}", name, "0000118") for key, name in KINDS.items()]
    terms += [(f"9{key}", name, f"9{above}") for key, (name, above) in FINDINGS.items()]
    obo = ["format-version: 1.2", "data-version: toy/releases/2031-05-04"]
    for key, name, above in terms:
        lines = ["", "[Term]", f"id: HP:{key}", f"name: {name}", f'def: "What is called {name.lower()}." [made:up]']
        obo += [*lines, *([f"is_a: HP:{above}"] if above else [])]
    head = "database_id disease_name qualifier hpo_id reference evidence onset frequency sex modifier aspect by"
    rows = ["#version: 2031-05-04", "\t".join(head.split())]
    for number, (name, has) in DISEASES.items():
        rows += [f"TOY:{number}\t{name}\t\tHP:9{one}\tPMID:{number}\tPCS\t\t3/4\t\t\tP\tme" for one in has]
    files = [folder / "hp.obo", folder / "phenotype.hpoa"]
    for file, lines in zip(files, (obo, rows), strict=True):
        file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    build(files, folder / "graph", licence="made up", edition="2031-05-04", acknowledgement="Made up for a test.")
    return open_graph(folder / "graph")
