"""The collector for LUKS containers: `cryptsetup luksDump` output to rows of `storage_protections`.

Goes in: LUKS2 JSON metadata (`--dump-json-metadata`) or the text dump of a LUKS1 header. Comes out: one
row a header. A dump says what the header says; whether the device uses that header, and whether the
container is the whole disk, is for the inventory to say. Never reads a device, never keeps a key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any

from msgspec import Struct

from policycheck.collectors.collection import Collection, RawDocument, Row, instant_text, load_json, refuse
from policycheck.collectors.luks_ciphers import Cipher, integrity_key_bits, read_cipher
from policycheck.collectors.luks_unlock import KNOWN_TOKENS, weakest_unlock
from policycheck.errors import Fault, InputError, PolicycheckError
from policycheck.source import Place, place_in

LAYERS = ("full_disk", "volume")
UNLOCKS = ("passphrase", "startup_key", "smartcard", "network_unlock", "none")

_KEY_LINE = re.compile(r"(?im)^[ \t]*(MK dump|Volume key|Unbound key|Master key)[ \t]*:")
_HOW = "use `cryptsetup luksDump --dump-json-metadata DEVICE` (LUKS2) or `cryptsetup luksDump DEVICE` (LUKS1)"
_DETACHED = "the data starts at offset 0, so the header is kept apart; nothing shows that the device uses it"


class Header(Struct, frozen=True):
    """What one header says, in the terms of the table. `warnings` say what could not be read from it."""

    method: str
    cipher: Cipher | None
    state: str
    integrity: str
    unlock: str
    bound_to_account: bool | None
    warnings: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


@dataclass(frozen=True)
class LuksCollector:
    """`layer` is how much of the device the container covers, which no header says. `unlock` and
    `bound_to_account` are a person's statements about keyslots; what the header shows wins over them."""

    layer: str = "volume"
    unlock: str | None = None
    bound_to_account: bool | None = None
    name: str = field(default="luks", init=False)
    table: str = field(default="storage_protections", init=False)

    def collect(self, documents: Sequence[RawDocument], collected_at: datetime) -> Collection:
        """Raises: InputError PC751 no dump, PC752 a dump with a key in it, PC753 a name twice."""
        faults: list[Fault] = []
        rows: list[Row] = []
        warnings: list[str] = []
        private: list[str] = []
        seen: dict[str, str] = {}
        for document in documents:
            stem = PurePath(document.name).stem
            resource = document.label or stem
            protection = f"luks-{resource}" if resource == stem else f"luks-{resource}-{stem}"
            if protection in seen:
                words = f"`{protection}` would name two headers, this one and `{seen[protection]}`"
                hint = "give each file its own name: RESOURCE=FILE, or rename the files"
                faults.append(Fault("PC753", words, Place(document.name), hint))
                continue
            seen[protection] = document.name
            try:
                header = read_header(document, self.unlock or "unknown", self.bound_to_account)
            except PolicycheckError as error:
                faults.extend(error.faults)
                continue
            rows.append(self._row(protection, resource, header, collected_at))
            warnings += [f"{document.name}: {words}" for words in header.warnings]
            private += [f"{document.name}: {words}" for words in header.private]
        if faults:
            raise InputError(faults)
        rows.sort(key=lambda row: str(row["protection_id"]))
        attested = self.unlock is not None or self.bound_to_account is not None
        return Collection(
            self.table, tuple(rows), collected_at, tuple(warnings), attested=attested, private=tuple(private)
        )

    def _row(self, protection: str, resource: str, header: Header, collected_at: datetime) -> Row:
        cipher = header.cipher
        return {
            "protection_id": protection,
            "resource_id": resource,
            "method": header.method,
            "layer": self.layer,
            "algorithm": cipher.algorithm if cipher else None,
            "mode": cipher.mode if cipher else None,
            "key_bits_reported": cipher.key_bits_reported if cipher else None,
            "key_bits_convention": cipher.key_bits_convention if cipher else None,
            "key_bits_effective": cipher.key_bits_effective if cipher else None,
            "tdea_keying_option": cipher.tdea_keying_option if cipher else None,
            "algorithm_basis": "observed" if cipher else "unknown",
            "state": header.state,
            "integrity_mechanism": header.integrity,
            "preboot_auth": header.unlock,
            "key_bound_to_user_account": header.bound_to_account,
            "observed_at": instant_text(collected_at),
        }


def read_header(document: RawDocument, stated: str, bound: bool | None) -> Header:
    """The header of one dump; `stated` and `bound` are a person's words about it.

    Raises: InputError PC751 for anything that is not a dump, PC752 for a dump that holds a key.
    """
    text = document.data.decode("utf-8-sig", errors="replace")
    found = _KEY_LINE.search(text)
    if found:
        # INVARIANT: the message shows the place but never the line, which is the key itself.
        line = text.count("\n", 0, found.start()) + 1
        hint = "delete this file, treat the key as exposed, and dump again without asking for keys"
        raise refuse("PC752", "the dump holds a volume key", Place(document.name, line), hint)
    if text.lstrip().startswith("{"):
        return _read_luks2(document, stated, bound)
    return _read_luks1(document, text, stated, bound)


# --- LUKS1 ----------------------------------------------------------------------------------------


def _read_luks1(document: RawDocument, text: str, stated: str, bound: bool | None) -> Header:
    lines = text.splitlines()
    if not lines or not lines[0].startswith("LUKS header information"):
        raise refuse("PC751", "not a dump of a LUKS header", Place(document.name, 1), _HOW)
    values: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines, start=1):
        key, colon, value = line.partition(":")
        if colon and not line[:1].isspace():
            if key in values:
                where = place_in(document.name, text, number)
                raise refuse("PC751", f"`{key}` stands twice in the dump", where, "give one dump a file")
            values[key] = (value.strip(), number)
    version = values.get("Version", ("", 1))
    if version[0] != "1":
        where = place_in(document.name, text, version[1])
        words = "the text dump of a LUKS2 header is not read, since its form changes between versions"
        raise refuse("PC751", words if version[0] == "2" else "not a LUKS1 header", where, _HOW)
    bits = values.get("MK bits", ("", 0))[0]
    name, mode = (values.get(key, ("", 0))[0] for key in ("Cipher name", "Cipher mode"))
    if not name or not mode or not bits.isascii() or not bits.isdigit() or len(bits) > 5:
        words = "the dump lacks `Cipher name`, `Cipher mode` or `MK bits`"
        raise refuse("PC751", words, Place(document.name), _HOW)
    slots = [value for key, (value, _) in values.items() if key.startswith("Key Slot ")]
    warnings: list[str] = []
    state = "complete"
    if "ENABLED" not in slots:
        state = "unknown"
        warnings.append("no keyslot is enabled: the container cannot be opened with this header")
    if values.get("Payload offset", ("", 0))[0] in ("", "0"):
        state = "unknown"
        warnings.append(_DETACHED)
    cipher = read_cipher(f"{name}-{mode}", int(bits))
    return _header(cipher, state, "none", stated, bound, warnings=warnings, private=[])


# --- LUKS2 ----------------------------------------------------------------------------------------


class _Metadata(Struct, frozen=True):
    """The five parts of LUKS2 metadata, each checked to be an object of objects."""

    keyslots: Mapping[str, Mapping[str, Any]]
    tokens: Mapping[str, Mapping[str, Any]]
    segments: Mapping[str, Mapping[str, Any]]
    digests: Mapping[str, Mapping[str, Any]]
    config: Mapping[str, Any]


def _read_luks2(document: RawDocument, stated: str, bound: bool | None) -> Header:
    metadata = _metadata(document)
    warnings: list[str] = []
    data = _data_segments(metadata)
    slots = _volume_keyslots(metadata, data)
    state = _state(metadata, data, slots, warnings)
    tokens = list(metadata.tokens.values())
    private = [
        f"token {number} is of the kind `{str(token.get('type'))[:40]}`, which may hold anything"
        for number, token in sorted(metadata.tokens.items())
        if str(token.get("type")) not in KNOWN_TOKENS
    ]
    warnings += private
    if any(token.get("type") == "systemd-homed" for token in tokens):
        bound = True
    unlock = weakest_unlock(tokens, slots, stated)
    bare = [slot for slot in slots if "cipher_null" in _area_cipher(metadata.keyslots[slot])]
    if bare:
        # The volume key lies readable in the header: as good as a clear key on the disk.
        state, unlock = "suspended", "none"
        warnings.append(f"keyslot {bare[0]} keeps the volume key without encryption")
    if all(segment.get("type") == "linear" for segment in data.values()):
        converting = state == "converting"
        warnings.append("the data segments are not encrypted")
        return Header(
            "unknown" if converting else "none", None, "converting" if converting else "off",
            "none", "not_applicable", None, tuple(warnings), tuple(private),
        )  # fmt: skip
    cipher, integrity = _ciphers(metadata, data, warnings)
    return _header(cipher, state, integrity, unlock, bound, warnings=warnings, private=private)


def _header(
    cipher: Cipher, state: str, integrity: str, unlock: str, bound: bool | None,
    *, warnings: list[str], private: list[str],
) -> Header:  # fmt: skip
    if cipher.warning:
        warnings.append(cipher.warning)
    method = "encryption"
    if cipher.algorithm == "NULL":
        warnings.append("the null cipher leaves the data as it is")
        method, state = "none", "off"
    return Header(method, cipher, state, integrity, unlock, bound, tuple(warnings), tuple(private))


def _metadata(document: RawDocument) -> _Metadata:
    value = load_json(document, "PC751", _HOW)
    place = Place(document.name)
    if not isinstance(value, dict):
        raise refuse("PC751", "LUKS2 metadata is a JSON object", place, _HOW)
    for part in ("keyslots", "tokens", "segments", "digests", "config"):
        inner = value.get(part)
        if not isinstance(inner, dict):
            raise refuse("PC751", f"the metadata has no object `{part}`", place, _HOW)
        if part != "config" and not all(isinstance(item, dict) for item in inner.values()):
            raise refuse("PC751", f"`{part}` holds something that is not an object", place, _HOW)
    if not value["segments"]:
        raise refuse("PC751", "the metadata has no segment, so it says nothing about data", place, _HOW)
    return _Metadata(value["keyslots"], value["tokens"], value["segments"], value["digests"], value["config"])


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _flags(segment: Mapping[str, Any]) -> list[str]:
    """Flags of a segment; something unreadable there counts as one, and so as a conversion."""
    written = segment.get("flags", [])
    return _texts(written) if isinstance(written, list) else ["unreadable"]


def _area_cipher(slot: Mapping[str, Any]) -> str:
    area = slot.get("area")
    return str(area.get("encryption", "")) if isinstance(area, dict) else ""


def _data_segments(metadata: _Metadata) -> dict[str, Mapping[str, Any]]:
    """Segments that describe data; `backup-*` ones only remember how things were before a conversion."""
    found = {
        number: segment
        for number, segment in metadata.segments.items()
        if not any(flag.startswith("backup-") for flag in _flags(segment))
    }
    return found or dict(metadata.segments)


def _digest_slots(metadata: _Metadata, segment: str) -> list[str]:
    """Keyslots that hold the volume key of `segment`: segment, to digest, to keyslots."""
    return sorted(
        slot
        for digest in metadata.digests.values()
        if segment in _texts(digest.get("segments"))
        for slot in _texts(digest.get("keyslots"))
        if metadata.keyslots.get(slot, {}).get("type") == "luks2"
    )


def _volume_keyslots(metadata: _Metadata, data: Mapping[str, Any]) -> list[str]:
    return sorted({slot for segment in data for slot in _digest_slots(metadata, segment)})


def _mandatory(metadata: _Metadata) -> list[str]:
    """What a reader of the header must understand; something unreadable there counts as one more demand."""
    requirements = metadata.config.get("requirements")
    if requirements is None:
        return []
    demands = requirements.get("mandatory") if isinstance(requirements, dict) else None
    return _texts(demands) if isinstance(demands, list) else ["unreadable"]


def _state(
    metadata: _Metadata, data: Mapping[str, Mapping[str, Any]], slots: list[str], warnings: list[str]
) -> str:
    mandatory = _mandatory(metadata)
    flags = {flag for segment in metadata.segments.values() for flag in _flags(segment)}
    if (
        any("reencrypt" in requirement for requirement in mandatory)
        or any(slot.get("type") == "reencrypt" for slot in metadata.keyslots.values())
        or flags
    ):
        warnings.append("a conversion is under way: part of the data may still be as it was before")
        return "converting"
    if any(segment.get("type") == "linear" for segment in data.values()):
        return "partial"
    if mandatory:
        warnings.append(f"the header asks for `{min(mandatory)[:60]}`, which is not known here")
        return "unknown"
    if not slots:
        warnings.append("no keyslot holds the volume key: the container cannot be opened with this header")
        return "unknown"
    # The format writes offsets as text, since JSON numbers cannot hold them all.
    written = [segment.get("offset") for segment in data.values()]
    offsets = [offset if isinstance(offset, str) else "" for offset in written]
    if not all(offset.isascii() and offset.isdigit() for offset in offsets):
        warnings.append("a segment does not say where its data starts")
        return "unknown"
    if any(int(offset[:20]) == 0 for offset in offsets):
        warnings.append(_DETACHED)
        return "unknown"
    return "complete"


def _ciphers(
    metadata: _Metadata, data: Mapping[str, Mapping[str, Any]], warnings: list[str]
) -> tuple[Cipher, str]:
    """The cipher and the integrity mechanism of all encrypted segments, UNKNOWN where they differ."""
    found: set[tuple[Cipher, str]] = set()
    for number, segment in sorted(data.items()):
        if segment.get("type") == "linear":
            continue
        kind, integrity = _integrity(segment)
        bits = _key_bits(metadata, number, kind)
        specification = segment.get("encryption")
        if segment.get("type") != "crypt" or not isinstance(specification, str):
            warnings.append(f"segment {number} is of the kind `{str(segment.get('type'))[:40]}`")
            found.add((Cipher("UNKNOWN", "UNKNOWN", None, "unknown", None), "unknown"))
        else:
            found.add((read_cipher(specification, bits), integrity))
    if len(found) == 1:
        return found.pop()
    warnings.append("the segments have different ciphers or keys")
    return Cipher("UNKNOWN", "UNKNOWN", None, "unknown", None), "unknown"


def _integrity(segment: Mapping[str, Any]) -> tuple[str | None, str]:
    """The kind of integrity tag as written, and the mechanism it amounts to."""
    written = segment.get("integrity")
    if written is None:
        return None, "none"
    kind = str(written.get("type", "")) if isinstance(written, dict) else ""
    if kind.startswith(("hmac(", "cmac(")):
        return kind, "hmac"
    return kind, {"aead": "aead", "poly1305": "aead", "none": "none"}.get(kind, "unknown")


def _key_bits(metadata: _Metadata, segment: str, integrity: str | None) -> int | None:
    """Bits of the volume key that the cipher gets; None when keyslots disagree or nothing is known."""
    sizes = [metadata.keyslots[slot].get("key_size") for slot in _digest_slots(metadata, segment)]
    tag_bits = integrity_key_bits(integrity)
    if not sizes or any(size != sizes[0] for size in sizes) or tag_bits is None:
        return None
    # key_size counts bytes, and JSON's true would pass for the number 1.
    if not isinstance(sizes[0], int) or isinstance(sizes[0], bool) or not 0 < sizes[0] <= 8192:
        return None
    bits = sizes[0] * 8 - tag_bits
    return bits if bits > 0 else None
