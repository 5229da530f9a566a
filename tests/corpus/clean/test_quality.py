"""Garbage is dropped for what it is, and notes are kept."""

from __future__ import annotations

import base64
import random

import numpy as np
import pytest

from residency.corpus.clean.quality import Quality, quality_check
from residency.corpus.clean.repetition import hashed, is_frequent, repeated_share, repeated_text
from residency.corpus.clean.words import read

PROSE = """The patient was seen in the clinic because of a cough that had lasted for two weeks, without fever or chills.
She takes lisinopril for her blood pressure and has never smoked. On examination the lungs were clear and the heart
sounds were normal. A chest film showed no infiltrate. The cough may be a side effect of lisinopril, which was changed
to losartan; she will come back in a month, or earlier if there is fever, weight loss or blood in the sputum."""
RANDOM = random.Random(4)


def reason(text: str, language: str = "en", **limits: float) -> str | None:
    return quality_check(Quality(**limits))(read(text), language)


def test_what_notes_really_look_like_is_kept():
    kept = {
        "medications": "\n".join(f"{drug} {dose} mg po daily" for drug, dose in zip(
            "Aspirin Lisinopril Metformin Atorvastatin Amlodipine Furosemide Sertraline Omeprazole".split(),
            (81, 10, 500, 40, 5, 20, 50, 20), strict=True)),
        "problems": "Hypertension\nDiabetes mellitus\nCOPD\nGERD\nDepression\nOsteoarthritis\nHypothyroidism\nGout",
        "labs": "Na 140 K 4.2 Cl 102 CO2 24 BUN 18 Cr 0.9 Glu 104 Ca 9.1 WBC 7.2 Hgb "
        "13.1 Hct 39.2 Plt 245 AST 22 ALT 19",
        "orders": "NPO after MN. IVF NS @ 75 cc/hr. Vanc 1 g IV q12h. Zosyn 3.375 g IV q6h. DVT ppx SQH TID. "
        "CXR in AM. Trend WBC. F/u BCx x2. PT/OT eval. D/c foley POD#1. Ambulate TID. Full code. Dispo pending.",
        "telegraphic": "Gen: NAD. HEENT: PERRL, MMM. "
        "CV: RRR, no m/r/g. Pulm: CTAB. Abd: soft, NT/ND, +BS. "
        "Ext: no c/c/e. Neuro: A&Ox3, CN II-XII intact, 5/5 strength. Skin: no "
        "rashes. Psych: appropriate mood and affect.",
        "form": "Name: ______________   Date: __________\n" * 3 + PROSE,
        "short": "Noncontributory.",
        "chinese": "患者因呼吸困难入院，既往有高血压病史十年，长期口服氨氯地平。查体："
        "双肺底可闻及湿啰音，心率快，律齐。入院后给予利尿、扩血管治疗，症状明显缓解，三天后出院，嘱低盐饮食，定期复查血压、肾功能及电解质。",
        "french": "Le patient a été vu "
        "« en urgence » à 20 h pour une douleur thoracique ; l’ECG était normal, "
        "et il est rentré à son domicile après une heure de surveillance, avec "
        "un traitement par paracétamol si besoin.",
    }  # fmt: skip
    dropped = {name: reason(text, {"chinese": "zh", "french": "fr"}.get(name, "en")) for name, text in kept.items()}
    assert set(dropped.values()) == {None}, dropped


BASE64 = base64.b64encode(RANDOM.randbytes(1500)).decode()
GARBAGE = {
    "control characters": [PROSE.replace("a", "\x01"), "%PDF-1.4 \x00\x03\x00\x11" * 30],
    "broken encoding": [
        "Le patient âgé a été hospitalisé à l'hôpital".encode().decode("cp1252") + PROSE,
        "患者因呼吸困难入院，接受利尿剂治疗三天。".encode().decode("latin-1") * 3,
        "The patient\ufffds daughter\ufffds \ufffdhusband\ufffd " * 3,
        PROSE.replace("e", "锟斤拷"),
    ],
    "code": ["function a(b) {\n  var c = b;\n  if (c) {\n    return { d: c };\n  }\n}\n" * 5,
             "<div class='x'>\n<ul>\n<li><a href='/y'>z</a></li>\n</ul>\n</div>\n" * 5],
    "few letters": ["12/3 .. ,,,; 88 (( )) %% 9 : ; 4,4 '' ?? 7 !! / / 31 :: ,, " * 20, "|" + "-+%%/ 7 8 9 " * 40],
    "symbols": ["|l| ~ti^ pa~ t|e `nt} w@s {se| en\\ ^in~ th| cl~ ni^c ab|o " * 6],
    "mixed words": [" ".join(w[:2] + "1" + w[3:] if len(w) > 4 else w for w in PROSE.split())],
    "long words": [BASE64, "deadbeef" * 8 + " " + ("cafe0123" * 9 + " ") * 40],
    "word length": ["a b c d e f a c be a d e e a f c b ee " * 8,
                    " ".join("l i I j t f r . i l".split() * 12)],
    "function words": [" ".join("".join(RANDOM.choice("bcdfghklmnprstvwxz") for _ in range(5)) for _ in range(120))],
    "numbers": ["\n".join(f"measurements {n} {n * 7} {n * 13} {n + 4} {n * 31}" for n in range(60))],
    "hashes and ellipses": ["#heart #health #doctor follow me for the best of the tips " * 3 + PROSE[:60],
                            "and so on ... " * 20],
    "boilerplate": [
        "We use cookies to improve your visit. By going on you accept all cookies. See our cookie policy.\n"
        "All rights reserved. Copyright © 2020 Example. Read our privacy policy and the terms of use of this site.",
        "Utilizamos cookies propias y de terceros. Si continúa, acepta el uso de cookies. Consulte nuestra política de "
        "privacidad.\nTodos los derechos reservados. Aviso legal. Suscríbase a nuestro boletín de noticias.",
    ],
    "navigation": ["Home | About us | Contact | Login | Register | FAQ | Sitemap | Privacy policy | Search | Help\n"
                   "News\nEvents\nBlog\nShop\nCart\nCareers\nThe heart clinic of the town\nFacebook\nTwitter\nYouTube",
                   "首页\n关于我们\n联系我们\n登录\n注册\n搜索\n网站地图\n帮助\n心脏病\n"],
    "repeated lines": ["The patient was seen today and is doing well.\n" * 12 + PROSE],
    "repeated words": [PROSE.replace("\n", " ") * 3, "the patient is very very well and " * 40],
    "one pair of words": [" ".join(f"ha ha {w}" for w in PROSE.split()[:60])],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in GARBAGE.items() for text in texts])
def test_garbage_of_each_kind_is_dropped_for_what_it_is(kind, text):
    assert reason(text) == f"quality: {kind}"


def test_endless_repetition_of_chinese_is_found():
    assert reason("好的好的好的好的" * 40, "zh") == "quality: repeated words"
    assert reason("谢谢观看，请点赞。\n" * 30, "zh") == "quality: repeated lines"


def test_each_limit_is_a_setting():
    text = PROSE.replace("\n", " ") * 3
    assert reason(text, repeated_5=1.0, repeated_10=1.0) is None
    assert reason(PROSE, most_word_length=3.0) == "quality: word length"
    assert reason(PROSE, least_letters=0.99) == "quality: few letters"


def covered(words: list[bytes], length: int) -> float:
    """Count as the definition reads: a word is repeated if some run that was there before covers it."""
    seen, marked = set(), set()
    for at in range(len(words) - length + 1):
        run = tuple(words[at : at + length])
        if run in seen:
            marked.update(range(at, at + length))
        seen.add(run)
    return len(marked) / len(words)


def test_repeated_runs_agree_with_counting_them_one_by_one():
    for seed in range(60):
        source = random.Random(seed)
        words = [source.choice([b"a", b"b", b"c", b"d"][: 2 + seed % 3]) for _ in range(source.randrange(5, 80))]
        for length in (2, 5, 10):
            assert repeated_share(hashed(words), length, 0.0) == pytest.approx(covered(words, length))


def test_the_share_by_hand():
    words = read("a b c d e x a b c d e y").words
    assert repeated_share(hashed(words), 5, 0.0) == pytest.approx(5 / 12)
    assert repeated_share(hashed(words), 5, 0.5) == 0.0  # known to be at most 5/12 without counting
    assert repeated_text(["ab", "cde", "ab", "x"]) == pytest.approx(2 / 8)


def test_a_frequent_pair_takes_more_than_its_share_and_stands_often_enough():
    ids = hashed([b"a", b"b"] * 5 + [b"%d" % n for n in range(10)])  # a b: 10 of 20 words
    assert is_frequent(ids, 2, 0.49, 5)
    assert not is_frequent(ids, 2, 0.5, 5)
    assert not is_frequent(ids, 2, 0.1, 6)
    assert not is_frequent(np.zeros(1, np.int64), 2, 0.1, 1)
