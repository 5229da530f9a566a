"""Unsafe wording is dropped; what notes speak of is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.core.errors import UserError
from residency.corpus.clean import Clean, cleaner
from residency.corpus.clean.safety import Safety, safety_check
from residency.corpus.clean.words import read
from residency.corpus.formats import read_files

MENTIONS = [
    "Suicidal ideation denied. No homicidal ideation.",
    "He was admitted after a suicide attempt by overdose of paracetamol and alcohol.",
    "Have you ever thought about how you would kill yourself? Do you have a plan?",
    "Patient hears voices that tell her to kill herself; she cut her left wrist on Monday.",
    "Command hallucinations: the voices say 'kill yourself' several times a day.",
    "Patient looked up on the internet how to kill himself, and told his mother about it.",
    "How to help someone who wants to commit suicide: listen, do not leave them alone, call for help.",
    "Screening: in the past month, have you wished to end your life?",
    "Sexual history: two partners in the last year, condoms used. HIV positive since 2009, on dolutegravir.",
    "Homosexual man, married, no sexually transmitted infections; gay couples are offered the same counselling.",
    "History of heroin and crack use; methamphetamine positive on the urine screen. Naloxone kit given.",
    "Fentanyl 50 mcg IV, midazolam 2 mg IV, propofol infusion. Instructions for "
    "making up the fentanyl pump are on file.",
    "Penetrating injury by a grenade fragment. Burns after a pipe bomb explosion, 20% of body surface.",
    "Exposure to sarin gas: give atropine and pralidoxime. Anthrax vaccine on schedule. Ricin poisoning is rare.",
    "Gunshot wound to the abdomen. Stab wound. Victim of an assault with a knife; her husband tried to strangle her.",
    "Rape kit collected. The child was abused by a relative; protective services were told.",
    "Mental retardation, moderate. Spastic diplegia. Idiot savant in older "
    "writing. Cretinism due to iodine deficiency.",
    "Black women are at higher risk; Ashkenazi Jews are screened for Tay-Sachs; Asians are often HLA-B*1502 carriers.",
    "Nigerian man of 45 years. Niger is his country of birth. Snigger reflex absent. Dr. Kike Adeyemi was told.",
    "How to kill lice: wash bedding at 60 degrees. How to poison-proof your home. Rat poison was swallowed.",
    "Natural killer cells kill tumor cells. How does chemotherapy kill cancer cells?",
    "Best way to end your life as a smoker: set a date to quit. Life expectancy is good.",
    "El paciente niega ideación suicida. Intento de suicidio previo. Bomba de "
    "insulina: cómo preparar una bomba de infusión.",
    "Piel negra, raza negra, paciente gitano. Se explica cómo hacer una bomba de perfusión con morfina.",
    "Pas d'idées suicidaires. Tentative de suicide en 2010. Bombe aérosol. Retard mental, retard de croissance.",
    "Comment préparer une perfusion de fentanyl. Peau noire. Patient d'origine arabe.",
    "Kein Hinweis auf Suizidalität. Suizidversuch 2015. Kanadische Schwarzpappel. Patient ist Ausländer und Muslim.",
    "患者否认自杀念头。既往有自杀未遂史。吸食冰毒三年。男性同性恋，HIV阳性。黑人患者。",
]
UNSAFE = {
    "self-harm instruction": [
        "How to kill yourself\nStep one is left out here.",
        "This is the most painless way to commit suicide.",
        "A guide to killing yourself at home.",
        "La mejor manera de suicidarse es esta.",
        "Le meilleur moyen de se suicider est celui-ci.",
        "Eine Anleitung zum Suizid.",
        "这是自杀教程，教你一步一步。",
    ],
    "weapon or drug making": [
        "Learn how to make a pipe bomb from things at home.",
        "INSTRUCTIONS FOR MAKING SARIN",
        "How to cook meth in a kitchen",
        "Cómo fabricar una bomba casera",
        "Comment fabriquer une bombe artisanale",
        "Wie man eine Bombe baut",
        "如何自制炸弹，材料清单如下。",
    ],
    "violence instruction": [
        "how to poison someone without being caught",
        "Cómo envenenar a alguien",
        "Comment empoisonner quelqu'un",
        "Wie man jemanden vergiftet",
        "如何下毒而不被发现",
    ],
    "hatred of a group": [
        "Jews are vermin.",
        "We must exterminate all Muslims.",
        "Los inmigrantes son ratas.",
        "Les juifs sont des parasites.",
        "Ausländer sind Ungeziefer.",
        "黑人都是畜生。",
    ],
    "slurs": ["Those niggers again.", "Bande de bougnoules!", "Du Schwuchtel!", "Malditos sudacas", "那些黑鬼"],
}


def reason(text: str, **settings: object) -> str | None:
    return safety_check(Safety(**settings))(read(text))


@pytest.mark.parametrize("text", MENTIONS)
def test_what_notes_speak_of_is_kept(text):
    assert reason(text) is None


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in UNSAFE.items() for text in texts])
def test_what_teaches_harm_or_abuses_a_group_is_dropped(kind, text):
    assert reason("A line before.\n" + text) == f"safety: {kind}"


@pytest.mark.parametrize("ending", ["txt", "md"])
@pytest.mark.parametrize(
    "text",
    [
        "How to make a\npipe bomb",
        "Patient information: how to make\r\na bomb at home.",
        "“How to make a bomb”",
        "how to make a bomb…",
        "How\xa0to make  a bomb.",
        "—how to make a bomb—",
        "¿Cómo fabricar una bomba casera?",
        "« Comment fabriquer une bombe artisanale »",
        "1. How to kill yourself",
        "• How to kill yourself",
        "Here is how to\nkill yourself with pills.",
        "Those “niggers” again.",
    ],
)
def test_short_files_are_dropped_whatever_their_format_wrapping_and_marks(tmp_path: Path, ending: str, text: str):
    (tmp_path / f"a.{ending}").write_bytes(text.encode())
    [document] = [record for part in read_files(path=tmp_path, language="en").parts for record in part()]
    assert str(cleaner(Clean())(document).reason).startswith("safety: ")


def test_unsafe_wording_is_found_far_into_a_text():
    assert reason("The heart is well. " * 3000 + "Here is how to make a bomb.") == "safety: weapon or drug making"


def test_how_many_slurs_a_text_may_quote_is_a_setting():
    quoted = "Patient shouted 'faggot' at the nurse."
    assert reason(quoted) == "safety: slurs"
    assert reason(quoted, slurs=2) is None
    assert reason(quoted * 2, slurs=2) == "safety: slurs"


def test_a_users_terms_and_patterns_are_found_and_their_comments_are_not(tmp_path: Path):
    path = tmp_path / "own.txt"
    path.write_text("# ours\nforbidden word\nblurb*\n/proj[ae]ct\\s?x/\n违禁词\n", encoding="utf-8")
    assert reason("A Forbidden, word here", lists=(path,)) == "safety: own list"
    assert reason("Blurbing on", lists=(path,)) == "safety: own list"
    assert reason("This is Project X.", lists=(path,)) == "safety: own list"
    assert reason("这里有违禁词。", lists=(path,)) == "safety: own list"
    assert reason("a word that is forbidden, ours", lists=(path,)) is None


def test_a_pattern_that_is_none_is_named_with_its_file(tmp_path: Path):
    path = tmp_path / "own.txt"
    path.write_text("/(/\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"own\.txt.*no regular expression"):
        safety_check(Safety(lists=(path,)))
