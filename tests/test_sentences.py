"""A document is split the same way however it was saved, and what is no text is refused."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policycheck.errors import InputError
from policycheck.sentences import Sentence, fingerprint, read_sentences, split_sentences

ABBREVIATIONS = ("Inc.", "No.")
WORDS = st.text(alphabet="abcdefghijklmnopqrstuvwxyzäöüé", min_size=2, max_size=8)
ENDS = st.sampled_from([".", "!", "?", ".”", '."', ".)", "...", "?!"])


@st.composite
def sentences(draw: st.DrawFn) -> str:
    """A capital, words, and an end; no word that ends in a full stop."""
    words = [draw(WORDS).capitalize(), *draw(st.lists(WORDS, max_size=6))]
    if draw(st.booleans()):
        words.insert(1, draw(st.sampled_from(["Inc.", "e.g.", "U.S.", "J.", "(No."])))
        words.append("end")
    return " ".join(words) + draw(ENDS)


LINES = st.lists(sentences(), min_size=1, max_size=4)
DOCUMENTS = st.lists(LINES, min_size=1, max_size=6)
BLANKS = st.sampled_from([" ", "  ", "\t", "\u00a0", " \u2003 ", "\x0b"])


def texts(found: tuple[Sentence, ...]) -> list[str]:
    return [sentence.text for sentence in found]


def split(text: str) -> list[str]:
    return texts(split_sentences(text, ABBREVIATIONS))


# --- laws -----------------------------------------------------------------------------------------


@given(DOCUMENTS)
def test_sentences_put_together_come_apart_again(document: list[list[str]]) -> None:
    text = "\n".join(" ".join(line) for line in document)
    found = split_sentences(text, ABBREVIATIONS)
    assert texts(found) == [sentence for line in document for sentence in line]
    assert [s.id for s in found] == [
        f"L{number:02d}.{place}"
        for number, line in enumerate(document, 1)
        for place in range(1, len(line) + 1)
    ]


@given(DOCUMENTS, st.data())
def test_how_a_document_was_saved_changes_no_fingerprint(
    document: list[list[str]], data: st.DataObject
) -> None:
    """White space, line ends, a byte order mark, bullets, decomposed letters and a last line end."""
    plain = "\n".join(" ".join(line) for line in document)
    bullet = data.draw(st.sampled_from(["", "- ", "· ", "•\t", "  – "]))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    blank = data.draw(BLANKS)
    lines = [bullet + blank.join(" ".join(line).split(" ")) + data.draw(BLANKS) for line in document]
    other = unicodedata.normalize("NFD", end.join(lines)) + data.draw(st.sampled_from(["", end]))
    mark = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    assert read_sentences("x", mark + other.encode(), ABBREVIATIONS) == split_sentences(plain, ABBREVIATIONS)


@given(st.text(max_size=300))
def test_no_word_is_lost_or_added(text: str) -> None:
    kept = "".join("".join(sentence.split()) for sentence in split(text))
    whole = "".join(unicodedata.normalize("NFC", text).split())
    assert len(kept) <= len(whole)
    assert kept == whole or len(whole) - len(kept) <= text.count("\n") + text.count("\r") + 1  # bullets


@given(sentences(), st.integers(min_value=0), WORDS)
def test_another_word_is_another_fingerprint(sentence: str, where: int, word: str) -> None:
    words = sentence.split(" ")
    place = where % len(words)
    changed = " ".join([*words[:place], word, *words[place + 1 :]])
    assert (fingerprint(changed) == fingerprint(sentence)) == (changed == sentence)


# --- cases ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "units"),
    [
        ("One. Two.", ["One.", "Two."]),
        ("Example, Inc. Sells boxes. They last.", ["Example, Inc. Sells boxes.", "They last."]),
        ("Boxes (of Example, Inc. Only) last. Yes.", ["Boxes (of Example, Inc. Only) last.", "Yes."]),
        ("It is J. Smith. He knows.", ["It is J. Smith.", "He knows."]),
        ("In the U.S. Boxes last.", ["In the U.S. Boxes last."]),
        ("Say “Stop.” Then go.", ["Say “Stop.”", "Then go."]),
        ("Go. (Then stop.) And go.", ["Go.", "(Then stop.)", "And go."]),
        ("Go! ¿Qué? Ja.", ["Go!", "¿Qué?", "Ja."]),
        ("Keep it 90 days. 5 more are too many.", ["Keep it 90 days. 5 more are too many."]),
        ("See example.com. it is lower case.", ["See example.com. it is lower case."]),
        ("1. First item. Second sentence.", ["1. First item.", "Second sentence."]),
        ("- 12. An item", ["12. An item"]),
        ("* A - dash - inside. - Not a bullet", ["A - dash - inside. - Not a bullet"]),
        ("-5 is a number", ["-5 is a number"]),
        ("| A. B | C. D |", ["| A. B | C. D |"]),
        ("Über. Älter.", ["Über.", "Älter."]),
        ("HEADING:", ["HEADING:"]),
        ("\u2028", []),
    ],
)  # fmt: skip
def test_where_a_sentence_ends(line: str, units: list[str]) -> None:
    assert split(line) == units


def test_blank_lines_count_and_hold_nothing() -> None:
    found = split_sentences("\n\nA box.\n \nA key. A lock.\n", ())
    assert [(s.id, s.line, s.text) for s in found] == [
        ("L03.1", 3, "A box."),
        ("L05.1", 5, "A key."),
        ("L05.2", 5, "A lock."),
    ]


def test_a_letter_that_cannot_be_seen_is_a_change() -> None:
    assert fingerprint("A b\u200box.") != fingerprint("A box.")
    assert split("A b\u200box.") == ["A b\u200box."]


# --- what is no text ------------------------------------------------------------------------------

REFUSED = {
    "pdf": (
        b"%PDF-1.7\n...",
        "policy: error[PC610]: the document is a PDF, not text\n"
        "  help: save the policy as plain text in UTF-8",
    ),
    "docx": (
        b"PK\x03\x04rest",
        "policy: error[PC610]: the document is a zip archive, as word processors write them, not text\n"
        "  help: save the policy as plain text in UTF-8",
    ),
    "utf-16": (
        "\ufeffA box.".encode("utf-16-le"),
        "policy: error[PC610]: the document is in UTF-16, not text\n"
        "  help: save the policy as plain text in UTF-8",
    ),
    "latin-1": (
        "A box.\nEin Schlüssel.".encode("latin-1"),
        "policy:2: error[PC102]: byte 15 is not UTF-8\n  help: save the file as UTF-8",
    ),
    "control character": (
        b"A box.\r\nA \x00key.",
        "policy:2: error[PC610]: the document holds a control character, U+0000\n"
        "  help: save the policy as plain text in UTF-8",
    ),
    "lost letter": (
        "A box.\rA k\ufffdy.".encode(),
        "policy:2: error[PC610]: the document holds a character lost in a conversion, U+FFFD\n"
        "  help: save the policy as plain text in UTF-8",
    ),
    "empty": (
        b"",
        "policy: error[PC611]: the document holds no text\n  help: name the file with the policy's text",
    ),
    "blank": (
        b"\xef\xbb\xbf \r\n\t\n",
        "policy: error[PC611]: the document holds no text\n  help: name the file with the policy's text",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_is_refused_and_told_why(name: str) -> None:
    data, text = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read_sentences("policy", data, ABBREVIATIONS)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "text", ["A. " * 300_000, "." * 900_000, "(" * 900_000, "A.)" * 300_000, "x. (" * 200_000]
)
def test_a_document_made_to_take_long_does_not(text: str) -> None:
    """Each of these takes minutes where a step looks at the whole line again."""
    began = time.process_time()
    read_sentences("policy", text.encode(), ())
    assert time.process_time() - began < 10


def test_a_document_of_another_size_altogether_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="PC103"):
        read_sentences("policy", b"A box.\n" * 200_000, ())
