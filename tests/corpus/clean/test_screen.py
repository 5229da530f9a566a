"""What the screen lets pass, every rule lets pass; and most clean notes pass it."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.core.types import Document
from residency.corpus.clean import Clean, Quality, Safety, batch_cleaner
from residency.corpus.clean.boilerplate import FUNCTION_WORDS, NAVIGATION, TRIGGERS
from residency.corpus.clean.quality import quality_check
from residency.corpus.clean.safety import cue_words, safety_check
from residency.corpus.clean.screen import screen
from residency.corpus.clean.words import read
from residency.corpus.compare.hashing import words

SLURS, RULES = cue_words()
LISTED = sorted(
    {*FUNCTION_WORDS, *NAVIGATION, *TRIGGERS, *SLURS, *(w for rule in RULES for side in rule for w in side)}
)
NOTE = """Chief complaint: shortness of breath for the last 3 days.
The patient is a 67 year old man with chronic obstructive lung disease who has had more cough and sputum.
He takes 20 mg of lisinopril every day and a puff of salbutamol as needed, without relief from it this time.
On examination the breath sounds are decreased on both sides with wheezes; there is no swelling of the legs.
Assessment and plan: an exacerbation, for which we start prednisone 40 mg for five days and see him in a week."""
ACCENTS = "Ménière décès cómo fácil más für über ÉTÉ Ã Ãñ ñandú cookiébar Cookies suscríbete año Ça naïve".split()
PIECES = [
    *(word.decode() for word in LISTED),
    *"a1b x2y 12 2024-01-02 ___ _ the_cookie Cookie ... … # {} <b> ; @ ~ é ñ “ \u200b \x00 \x07 \x1b ï¿½ Ã© 病".split(
        " "
    ),
    "a" * 41,
    "_" * 50,
    "-----",
    "the patient has no fever today",
    "how to kill",
]
GAPS = [" ", "\n", "\n\n", ", ", ". ", "\t", "", " \r\n"]


def document(text, language="en"):
    return Document("1", text, "test", "none", language)


def verdicts(texts, quality, safety, language="en"):
    """Return for each text whether the screen lets it pass, and what the rules say of it."""
    documents = [document(text, language) for text in texts]
    sure = screen(quality, safety)(words(texts, unspaced=True), documents)
    rules = quality_check(quality), safety_check(safety)
    said = [rules[0](read(text), language) or rules[1](read(text)) for text in texts]
    return sure.tolist(), said


def made_up(draw):
    """Return a text of listed words, signs and lines of notes, some of them again and again."""
    pool = draw.sample(PIECES, draw.randint(1, 12)) + draw.sample(NOTE.split("\n"), draw.randint(0, 5))
    pool += draw.sample(NOTE.split(), draw.randint(0, 40))
    gaps = draw.sample(GAPS, draw.randint(1, 4))
    return "".join(draw.choice(pool) + draw.choice(gaps) for _ in range(draw.randint(0, 120)))


def mutated(draw):
    """Return a note with a few pieces thrown in, so that it stands near the limits from the clean side."""
    lines = [
        draw.choice(NOTE.split("\n")) if draw.random() < 0.3 else line for line in NOTE.split("\n") * draw.randint(1, 3)
    ]
    told = " \n".join(lines).split(" ")
    for _ in range(draw.choice([0, 1, 3, 10, 40])):
        told.insert(draw.randrange(len(told)), draw.choice(PIECES))
    return " ".join(told)


def accented(draw):
    """Return a text as ``mutated`` makes them, with letters of western languages, rarely with a sign beside them."""
    told = (mutated if draw.random() < 0.7 else made_up)(draw).split(" ")
    told = [word for word in told if all(ord(sign) < 128 for sign in word)]
    for _ in range(draw.choice([1, 3, 10, 60])):
        told.insert(draw.randrange(len(told) + 1), draw.choice(ACCENTS if draw.random() < 0.95 else ["5°", "ß", "×"]))
    return " ".join(told)


@pytest.mark.parametrize("make", [made_up, mutated, accented])
@pytest.mark.parametrize("language", ["en", "und"])
def test_whatever_the_screen_lets_pass_no_rule_drops(make, language):
    texts = [make(random.Random(f"{make.__name__}{number}")) for number in range(3000)]
    for begin in range(0, len(texts), 100):
        sure, said = verdicts(texts[begin : begin + 100], Quality(), Safety(), language)
        assert not [reason for good, reason in zip(sure, said, strict=True) if good and reason]


@pytest.mark.parametrize("tight", [0.0, 0.01, 0.3])
def test_it_goes_by_the_limits_that_are_set(tight):
    limits = Quality(
        few_words=1, few_lines=2, number_words=tight, mixed_words=tight, symbols=tight, repeated_lines=tight,
        repeated_paragraphs=tight, repeated_5=tight, marks_per_word=tight, least_function_words=tight,
    )  # fmt: skip
    texts = [mutated(random.Random(number)) for number in range(600)]
    sure, said = verdicts(texts, limits, Safety())
    assert not [reason for good, reason in zip(sure, said, strict=True) if good and reason]
    assert any(said)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=6))
def test_any_text_can_be_screened(texts):
    sure, said = verdicts(texts, Quality(few_words=1, few_lines=1), Safety())
    assert len(sure) == len(texts)
    assert not [reason for good, reason in zip(sure, said, strict=True) if good and reason]


def test_clean_notes_pass_it_and_need_no_rule():
    notes = [NOTE, NOTE.replace("3", "4"), NOTE + "\nSigned: ___ on 2024-01-02."]
    assert verdicts(notes, Quality(), Safety()) == ([True, True, True], [None, None, None])


def test_notes_with_accents_pass_it_too_and_signs_are_left_to_the_rules():
    notes = [NOTE.replace("lung", word) for word in ("Ménière", "Sjögren", "sueño", "ÉTÉ")]
    assert verdicts(notes, Quality(), Safety()) == ([True] * 4, [None] * 4)
    others = [NOTE.replace("lung", word) for word in ("5°", "Straße", "3×2", "œdème", "cookiebé", "ï¿½")]
    assert verdicts(others, Quality(), Safety())[0] == [False] * 6
    assert verdicts([NOTE + "\ncómo matar", NOTE + "\nmaricón"], Quality(), Safety())[0] == [False, False]


def test_each_listed_word_is_seen_in_a_note():
    plain = [word.decode() for word in (*SLURS, *TRIGGERS) if word.isascii()]
    sure, _ = verdicts([f"{NOTE}\n{word}" for word in plain], Quality(), Safety())
    assert not any(sure)
    pairs = [(name, cue) for names, cues in RULES for name in sorted(names)[:3] for cue in sorted(cues)[:3]]
    texts = [f"{NOTE}\n{name.decode()} {cue.decode()}" for name, cue in pairs if (name + cue).isascii()]
    assert texts and not any(verdicts(texts, Quality(), Safety())[0])


def test_a_list_of_ones_own_leaves_all_to_the_rules(tmp_path):
    (tmp_path / "own.txt").write_text("wheezes\n")
    own = Safety(lists=(tmp_path / "own.txt",))
    assert verdicts([NOTE], Quality(), own) == ([False], ["safety: own list"])


def test_many_documents_get_the_outcomes_that_each_gets_alone():
    draw = random.Random(5)
    texts = [draw.choice([made_up, mutated])(draw) for _ in range(200)]
    kinds = [draw.choice(["note", "page", "instruction", "term", "label"]) for _ in texts]
    rules = Clean(languages=("en",), set_language="always", shortest=20)

    def documents():
        return [
            Document("1", text, "test", "none", "", meta={"kind": kind})
            for text, kind in zip(texts, kinds, strict=True)
        ]

    clean = batch_cleaner(rules)
    together, mine = documents(), documents()
    outcomes, found = clean(together)
    assert outcomes == [clean([one])[0][0] for one in mine]
    assert [d.text for d in together] == [d.text for d in mine]
    assert np.array_equal(found.hashes, words([d.text for d in together], unspaced=True).hashes)
    assert {outcome.reason is None for outcome in outcomes} == {True, False}
