"""A small made-up ontology with annotations and a table, as files and as a loaded graph."""

from __future__ import annotations

from pathlib import Path

from residency.corpus.graph.build import build

OBO = """format-version: 1.2
data-version: toy/releases/2031-05-04

[Term]
id: TY:0000001
name: Abnormal thing

[Term]
id: TY:0000002
name: Abnormal foot
is_a: TY:0000001 ! Abnormal thing

[Term]
id: TY:0000003
name: Blue foot
alt_id: TY:0000033
def: "A foot of \\"blue\\" colour." [made:up]
synonym: "Cyanotic foot" EXACT []
synonym: "Foot of blue tumours" RELATED []
synonym: "BF" EXACT abbreviation []
synonym: "Sad foot" EXACT obsolete_synonym []
xref: UMLS:C0000003
is_a: TY:0000002 ! Abnormal foot

[Term]
id: TY:0000004
name: Glass ear
relationship: part_of TY:0000005 ! Head of glass
is_a: TY:0000001 ! Abnormal thing

[Term]
id: TY:0000005
name: Head of glass
is_a: TY:0000001 ! Abnormal thing

[Term]
id: TY:0000006
name: Old word
is_obsolete: true

[Term]
id: TY:0000010
name: Autosomal dominant inheritance
"""
HPOA = """#version: 2031-05-04
database_id\tdisease_name\tqualifier\thpo_id\treference\tevidence\tonset\tfrequency\tsex\tmodifier\taspect\tbiocuration
TOY:1\tHazy disease\t\tTY:0000033\tPMID:1\tPCS\t\t3/4\t\t\tP\tme
TOY:1\tHazy disease\tNOT\tTY:0000004\tPMID:1\tPCS\t\t\t\t\tP\tme
TOY:1\tHazy disease\t\tTY:0000010\tPMID:2\tTAS\t\t\t\t\tI\tme
TOY:2\tMisty disease\t\tTY:0000004\tPMID:3\tPCS\t\tHP:0040280\t\t\tP\tme
TOY:2\tMisty disease\tNOT\tTY:0000002\tPMID:3\tPCS\t\t\t\t\tP\tme
TOY:3\tMisty disease\t\tTY:0000004\tPMID:4\tPCS\t\t\t\t\tP\tme
TOY:3\tMisty disease\t\tTY:0000005\tPMID:4\tPCS\t\t\t\t\tH\tme
"""
TABLE = """head,relation,tail,note
skylopram,treats,TOY:1,trial 7
skylopram,does not treat,TOY:2,
cloud salt,interacts with,skylopram,
"""
CYCLE = """head,relation,tail
alpha,is a,beta
beta,is a,gamma
gamma,is a,alpha
gamma,is a,delta
"""


def write_files(folder: Path) -> list[Path]:
    """Return the three files of the toy graph, written to a folder."""
    named = {"toy.obo": OBO, "phenotype.hpoa": HPOA, "drugs.csv": TABLE}
    for name, text in named.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in named]


def build_toy(folder: Path) -> Path:
    """Return the folder of the toy graph."""
    build(write_files(folder), folder / "graph", licence="made up")
    return folder / "graph"


def build_table(folder: Path, table: str) -> Path:
    """Return the folder of a graph made of one CSV table."""
    (folder / "table.csv").write_text(table, encoding="utf-8")
    build([folder / "table.csv"], folder / "graph")
    return folder / "graph"
