"""Reading a policy document.

Goes in: a path. Comes out: the document laid beside the clause register of the pack.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from policycheck.errors import Fault, InputError
from policycheck.source import Place

if TYPE_CHECKING:
    from policycheck.coverage import Match
    from policycheck.model import ClauseRegister, Pack
    from policycheck.outcomes import Suspicion


def register_of(pack: Pack) -> ClauseRegister:
    """The clause register of the pack. Raises InputError PC614 where there is none."""
    if pack.register is None:
        place = Place(str(Path(pack.root) / "register.yaml"))
        hint = "write register.yaml; docs/authoring.md says how"
        raise InputError([Fault("PC614", "this pack has no clause register", place, hint)])
    return pack.register


def lay_beside(pack: Pack, document: Path) -> tuple[tuple[Match, ...], Suspicion]:
    """Every unit of register and document, and the controls on which the comparison casts doubt.

    Raises InputError: PC604, PC610 to PC614.
    """
    from policycheck.coverage import compare, suspicion_of
    from policycheck.sentences import read_sentences

    register = register_of(pack)
    data = _read(document)
    sentences = read_sentences(str(document), data, register.abbreviations)
    matches = compare(register, sentences, str(document))
    return matches, suspicion_of(pack, matches, hashlib.sha256(data).hexdigest())


def _read(document: Path) -> bytes:
    """The bytes of a regular file, one more than is taken where it is too long."""
    from policycheck.sentences import MAX_BYTES

    try:
        if document.exists() and not document.is_file():
            words = "this is no file"
        else:
            with document.open("rb") as file:
                return file.read(MAX_BYTES + 1)
    except OSError as error:
        words = f"the document cannot be read: {error.strerror}"
    raise InputError([Fault("PC604", words, Place(str(document)), "name the text of the policy")])
