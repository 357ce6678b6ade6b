"""The LUKS collector against real headers, and the evidence folder it writes."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from policycheck.cli.collect import collect
from policycheck.collectors import COLLECTORS, manifest_text, writing
from policycheck.collectors.collection import Collection, RawDocument
from policycheck.collectors.luks import LuksCollector
from policycheck.collectors.luks_ciphers import read_cipher
from policycheck.documents import read_document
from policycheck.errors import FaultList, InputError
from policycheck.evidence import load_evidence
from policycheck.tables import read_table_schema

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
SCHEMA = json.loads((ROOT / "controls/tables/storage_protections.schema.json").read_text())

needs_cryptsetup = pytest.mark.skipif(
    shutil.which("cryptsetup", path=os.defpath + ":/usr/sbin:/sbin") is None
    and not os.environ.get("POLICYCHECK_REQUIRE_TOOLS"),
    reason="cryptsetup is not installed; POLICYCHECK_REQUIRE_TOOLS makes this an error",
)


# --- real headers ---------------------------------------------------------------------------------


def cryptsetup(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LC_ALL": "C"}
    command = ["cryptsetup", "--batch-mode", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def luks_format(tmp_path: Path) -> Callable[..., Path]:
    def make(*options: str, kind: str = "luks2", name: str = "disk") -> Path:
        image = tmp_path / f"{name}.img"
        with image.open("wb") as stream:
            stream.truncate(20 << 20)
        fast = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
        cryptsetup("luksFormat", "--type", kind, *fast, *options, image, "-", stdin=b"not a secret")
        return image

    return make


def metadata(image: Path) -> bytes:
    return cryptsetup("luksDump", "--dump-json-metadata", image)


def one(data: bytes, collector: LuksCollector | None = None) -> dict[str, Any]:
    """The single row of a dump, checked against the table's schema."""
    collection = (collector or LuksCollector()).collect([RawDocument("disk.json", data)], NOW)
    (row,) = collection.rows
    jsonschema.validate(row, SCHEMA)
    assert set(row) <= set(SCHEMA["properties"])
    return dict(row)


@needs_cryptsetup
@pytest.mark.parametrize(
    ("kind", "cipher", "size", "expected"),
    [
        ("luks2", "aes-xts-plain64", "512", ("AES", "XTS", 512, "total_xts", 256)),
        ("luks2", "aes-xts-plain64", "256", ("AES", "XTS", 256, "total_xts", 128)),
        ("luks2", "aes-cbc-essiv:sha256", "256", ("AES", "CBC_ESSIV", 256, "aes_size", 256)),
        ("luks2", "aes-cbc-plain64", "128", ("AES", "CBC", 128, "aes_size", 128)),
        ("luks1", "aes-xts-plain64", "512", ("AES", "XTS", 512, "total_xts", 256)),
        ("luks1", "aes-xts-plain64", "256", ("AES", "XTS", 256, "total_xts", 128)),
        ("luks1", "aes-cbc-essiv:sha256", "256", ("AES", "CBC_ESSIV", 256, "aes_size", 256)),
    ],
)
def test_a_real_header_gives_its_cipher_and_effective_key(
    luks_format: Callable[..., Path], kind: str, cipher: str, size: str, expected: tuple[Any, ...]
) -> None:
    """LUKS2 counts bytes and LUKS1 bits; both count the two halves of an XTS key together."""
    image = luks_format("--cipher", cipher, "--key-size", size, kind=kind)
    row = one(metadata(image) if kind == "luks2" else cryptsetup("luksDump", image))
    names = ("algorithm", "mode", "key_bits_reported", "key_bits_convention", "key_bits_effective")
    assert tuple(row[name] for name in names) == expected
    assert (row["method"], row["state"], row["integrity_mechanism"]) == ("encryption", "complete", "none")
    # A header cannot tell a passphrase from a key file on the same disk.
    assert (row["preboot_auth"], row["key_bound_to_user_account"]) == ("unknown", None)


TPM2 = {"type": "systemd-tpm2", "tpm2-blob": "eHg=", "tpm2-pcrs": [7], "tpm2-policy-hash": "00ff"}
FIDO2 = {"type": "systemd-fido2", "fido2-credential": "eHg=", "fido2-salt": "eHg=", "fido2-rp": "x"}


def clevis(pin: str) -> dict[str, Any]:
    header = json.dumps({"alg": "dir", "clevis": {"pin": pin, pin: {}}}).encode()
    sealed = base64.urlsafe_b64encode(header).decode().rstrip("=")
    return {"type": "clevis", "jwe": {"protected": sealed, "ciphertext": ""}}


@needs_cryptsetup
@pytest.mark.parametrize(
    ("token", "unlock"),
    [
        (TPM2, "tpm_only"),
        ({**TPM2, "tpm2-pin": True}, "pin"),
        ({**FIDO2, "fido2-clientPin-required": True}, "smartcard"),
        (FIDO2, "startup_key"),
        (clevis("tpm2"), "tpm_only"),
        (clevis("tang"), "network_unlock"),
        (clevis("sss"), "unknown"),
        ({"type": "clevis", "jwe": {"protected": "e30"}}, "unknown"),
        ({"type": "luks2-keyring", "key_description": "k"}, "unknown"),
        ({"type": "made-here", "note": "x"}, "unknown"),
    ],
)
def test_a_real_token_says_how_the_container_is_unlocked(
    luks_format: Callable[..., Path], token: dict[str, Any], unlock: str
) -> None:
    image = luks_format()
    text = json.dumps({**token, "keyslots": ["0"]}).encode()
    cryptsetup("token", "import", "--json-file", "-", image, stdin=text)
    assert one(metadata(image))["preboot_auth"] == unlock
    # What a person states counts for keyslots without a token only.
    assert one(metadata(image), LuksCollector(unlock="passphrase"))["preboot_auth"] == unlock


@needs_cryptsetup
def test_a_statement_counts_only_where_the_header_is_silent(luks_format: Callable[..., Path]) -> None:
    data = metadata(luks_format())
    collector = LuksCollector(layer="full_disk", unlock="passphrase", bound_to_account=False)
    row = one(data, collector)
    assert (row["preboot_auth"], row["key_bound_to_user_account"]) == ("passphrase", False)
    assert row["layer"] == "full_disk"
    assert collector.collect([RawDocument("a", data)], NOW).attested
    assert not LuksCollector().collect([RawDocument("a", data)], NOW).attested


@needs_cryptsetup
def test_a_keyslot_beside_a_tpm_token_does_not_hide_the_token(luks_format: Callable[..., Path]) -> None:
    """Any keyslot opens the whole container, so the weakest way in decides."""
    image = luks_format()
    fast = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
    key = image.with_suffix(".key")
    key.write_bytes(b"second")
    cryptsetup("luksAddKey", *fast, "--key-file", "-", image, key, stdin=b"not a secret")
    text = json.dumps({**TPM2, "tpm2-pin": True, "keyslots": ["0"]}).encode()
    cryptsetup("token", "import", "--json-file", "-", image, stdin=text)
    assert one(metadata(image))["preboot_auth"] == "unknown"
    assert one(metadata(image), LuksCollector(unlock="passphrase"))["preboot_auth"] == "pin"
    assert one(metadata(image), LuksCollector(unlock="none"))["preboot_auth"] == "none"


@needs_cryptsetup
def test_a_conversion_under_way_is_not_complete(luks_format: Callable[..., Path]) -> None:
    image = luks_format()
    fast = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
    cryptsetup("reencrypt", "--init-only", *fast, "--key-file", "-", image, stdin=b"not a secret")
    assert one(metadata(image))["state"] == "converting"


@needs_cryptsetup
def test_an_erased_header_is_unknown(luks_format: Callable[..., Path]) -> None:
    image = luks_format()
    cryptsetup("luksErase", image)
    row = one(metadata(image))
    assert (row["state"], row["key_bits_effective"], row["preboot_auth"]) == ("unknown", None, "unknown")


@needs_cryptsetup
def test_a_detached_header_proves_nothing_about_a_device(
    luks_format: Callable[..., Path], tmp_path: Path
) -> None:
    header = tmp_path / "header.img"
    with header.open("wb") as stream:
        stream.truncate(20 << 20)
    luks_format("--header", str(header))
    assert one(metadata(header))["state"] == "unknown"


@needs_cryptsetup
@pytest.mark.parametrize("kind", ["luks1", "luks2"])
def test_a_dump_with_the_volume_key_is_refused_without_showing_it(
    luks_format: Callable[..., Path], kind: str
) -> None:
    image = luks_format(kind=kind)
    data = cryptsetup("luksDump", "--dump-volume-key", "--key-file", "-", image, stdin=b"not a secret")
    key_line = next(line for line in data.decode().splitlines() if line.startswith("MK dump"))
    with pytest.raises(InputError) as caught:
        one(data)
    assert "PC752" in str(caught.value)
    assert key_line.split("\t")[1][:12] not in str(caught.value)


@needs_cryptsetup
def test_the_text_of_a_luks2_header_is_refused_with_the_command_to_use(
    luks_format: Callable[..., Path],
) -> None:
    with pytest.raises(InputError, match=r"PC751.*(\n.*)*--dump-json-metadata"):
        one(cryptsetup("luksDump", luks_format()))


# --- headers no local tool can make ---------------------------------------------------------------


def header(**changes: Any) -> dict[str, Any]:
    value: dict[str, Any] = {
        "keyslots": {"0": {"type": "luks2", "key_size": 64, "area": {"encryption": "aes-xts-plain64"}}},
        "tokens": {},
        "segments": {"0": {"type": "crypt", "offset": "16777216", "encryption": "aes-xts-plain64"}},
        "digests": {"0": {"keyslots": ["0"], "segments": ["0"]}},
        "config": {"json_size": "12288"},
    }
    return {**value, **changes}


def row_of(**changes: Any) -> dict[str, Any]:
    return one(json.dumps(header(**changes)).encode())


def segment(**changes: Any) -> dict[str, Any]:
    return {"type": "crypt", "offset": "16777216", "encryption": "aes-xts-plain64", **changes}


def slot(size: Any, **changes: Any) -> dict[str, Any]:
    return {"0": {"type": "luks2", "key_size": size, "area": {"encryption": "aes-xts-plain64"}, **changes}}


def test_the_null_cipher_is_no_protection() -> None:
    row = row_of(segments={"0": segment(encryption="cipher_null-ecb")}, keyslots=slot(32))
    assert (row["method"], row["algorithm"], row["state"]) == ("none", "NULL", "off")
    assert row["key_bits_effective"] == 0


def test_a_plain_segment_is_off_alone_and_partial_beside_an_encrypted_one() -> None:
    plain = {"type": "linear", "offset": "16777216"}
    alone, beside = row_of(segments={"0": plain}), row_of(segments={"0": segment(), "1": plain})
    assert (alone["method"], alone["state"]) == ("none", "off")
    assert (beside["method"], beside["state"]) == ("encryption", "partial")


def test_a_volume_key_kept_readable_in_its_keyslot_is_a_clear_key() -> None:
    row = row_of(keyslots=slot(64, area={"encryption": "cipher_null-ecb"}))
    assert (row["state"], row["preboot_auth"]) == ("suspended", "none")


def test_an_unknown_requirement_makes_the_state_unknown() -> None:
    row = row_of(config={"requirements": {"mandatory": ["opal"]}})
    assert row["state"] == "unknown"


def test_the_integrity_key_is_not_counted_as_cipher_key() -> None:
    tag = segment(integrity={"type": "hmac(sha256)"})
    row = row_of(segments={"0": tag}, keyslots=slot(96))
    assert (row["key_bits_effective"], row["integrity_mechanism"]) == (256, "hmac")
    aead = segment(encryption="aes-gcm-random", integrity={"type": "aead"})
    row = row_of(segments={"0": aead}, keyslots=slot(32))
    assert (row["mode"], row["key_bits_effective"], row["integrity_mechanism"]) == ("GCM", 256, "aead")
    row = row_of(segments={"0": segment(integrity={"type": "made-up"})})
    assert (row["key_bits_effective"], row["integrity_mechanism"]) == (None, "unknown")


def test_a_keyslot_that_holds_another_key_does_not_count() -> None:
    """The volume key is found by digest, not by taking the first keyslot."""
    slots = {**slot(64), "1": {"type": "luks2", "key_size": 16, "area": {}}}
    assert row_of(keyslots=slots)["key_bits_effective"] == 256
    digests = {"0": {"keyslots": ["0", "1"], "segments": ["0"]}}
    assert row_of(keyslots=slots, digests=digests)["key_bits_effective"] is None


def test_segments_with_different_ciphers_are_unknown() -> None:
    digests = {"0": {"keyslots": ["0"], "segments": ["0", "1"]}}
    both = {"0": segment(), "1": segment(encryption="serpent-xts-plain64")}
    assert row_of(segments=both, digests=digests)["algorithm"] == "UNKNOWN"


def test_a_home_token_binds_the_key_to_a_user_account() -> None:
    row = row_of(tokens={"0": {"type": "systemd-homed", "keyslots": ["0"]}})
    assert (row["preboot_auth"], row["key_bound_to_user_account"]) == ("os_user_credential", True)


@pytest.mark.parametrize(
    ("specification", "bits", "expected"),
    [
        ("serpent-xts-plain64", 512, ("SERPENT", "XTS", 256)),
        ("twofish-cbc-essiv:sha256", 256, ("TWOFISH", "CBC_ESSIV", 256)),
        ("capi:xts(aes)-plain64", 512, ("AES", "XTS", 256)),
        ("capi:authenc(hmac(sha256),xts(aes))-random", 768, ("UNKNOWN", "UNKNOWN", None)),
        ("aes-xts-plain64", 384, ("AES", "XTS", None)),
        ("aes-cbc-plain", 512, ("AES", "CBC", None)),
        ("aes-lrw-benbi", 384, ("AES", "OTHER", None)),
        ("des3_ede-cbc-plain", 192, ("TDEA", "CBC", 168)),
        ("des3_ede-cbc-plain", 128, ("TDEA", "CBC", None)),
        ("des-cbc-plain", 64, ("DES", "CBC", 56)),
        ("xchacha20,aes-adiantum-plain64", 256, ("ADIANTUM", "OTHER", None)),
        ("chacha20-random", 256, ("CHACHA20", "UNKNOWN", 256)),
        ("aes", 256, ("UNKNOWN", "UNKNOWN", None)),
        ("", 256, ("UNKNOWN", "UNKNOWN", None)),
        ("AES-XTS-plain64", 512, ("UNKNOWN", "UNKNOWN", None)),
        ("aes-xts-plain64", None, ("AES", "XTS", None)),
    ],
)
def test_a_cipher_specification_is_read_exactly_or_not_at_all(
    specification: str, bits: int | None, expected: tuple[Any, ...]
) -> None:
    cipher = read_cipher(specification, bits)
    assert (cipher.algorithm, cipher.mode, cipher.key_bits_effective) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"{}", b"[]", b"\xff\xfe", b'{"keyslots": {}, "keyslots": {}}', b'{"a": NaN}',
        b"{" + b'"a":{' * 100_000, json.dumps(header(segments={})).encode(),
        json.dumps(header(segments={"0": 1})).encode(), json.dumps(header(tokens=[])).encode(),
        b"LUKS header information for /dev/x\n", b"LUKS header information for /dev/x\nVersion: 1\n",
        b"LUKS header information for /dev/x\nVersion: 1\nVersion: 1\n",
    ],
)  # fmt: skip
def test_what_is_no_dump_is_refused_with_a_place(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        one(data)
    assert [fault.code for fault in caught.value.faults] == ["PC751"]
    assert str(caught.value).startswith("disk.json")


@pytest.mark.parametrize("junk", [7, "x", ["x"], {}, {"x": 1}, True, [[]], [{}]])
@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("keyslots", "type"), ("keyslots", "key_size"), ("segments", "type"), ("segments", "encryption"),
        ("segments", "flags"), ("segments", "offset"), ("digests", "keyslots"), ("digests", "segments"),
        ("config", "requirements"),
    ],
)  # fmt: skip
def test_a_header_with_strange_values_is_never_complete_and_strong(part: str, name: str, junk: Any) -> None:
    value = header()
    (value[part] if part == "config" else value[part]["0"])[name] = junk
    row = one(json.dumps(value).encode())
    assert (row["state"], row["algorithm"], row["key_bits_effective"]) != ("complete", "AES", 256)


@pytest.mark.parametrize("junk", [None, 7, "x", ["x"], {}, True, [[]], [{}]])
def test_a_strange_token_is_unknown(junk: Any) -> None:
    for token in (
        {"type": junk},
        {"type": "clevis", "jwe": junk},
        {"type": "clevis", "jwe": {"protected": junk}},
    ):
        assert row_of(tokens={"0": {**token, "keyslots": ["0"]}})["preboot_auth"] == "unknown"
        assert row_of(tokens={"0": {**token, "keyslots": junk}})["preboot_auth"] == "unknown"


# --- the evidence folder --------------------------------------------------------------------------


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(collect, ["luks", *map(str, arguments)])


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "laptop-1.json"
    path.write_text(json.dumps(header()))
    return path


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


MANIFEST = """\
# Who keeps this folder, and why.
organisation: Example (sample)   # not a real one
as_of: 2026-03-02T12:00:00Z
sources:
  # people first
  - evidence_id: hr
    table: persons
    path: hr/persons.csv
    row_count: 3

  - evidence_id: luks   # the disks
    table: storage_protections
    path: old/disks.ndjson
    row_count: 5
  # the end of the list
  - evidence_id: last
    table: documents
    path: documents.yaml
# a last word
"""


def test_a_new_folder_needs_the_name_of_its_organisation(tmp_path: Path, dump: Path) -> None:
    folder = tmp_path / "evidence"
    assert run(dump, "--evidence", folder).exit_code == 2
    assert not folder.exists()
    done = run(dump, "--evidence", folder, "--organisation", "Sample: yes", "--population-complete")
    assert done.exit_code == 0, done.output
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text())
    (entry,) = manifest["sources"]
    data = (folder / entry["path"]).read_bytes()
    assert manifest["organisation"] == "Sample: yes"
    assert entry["file_sha256"] == hashlib.sha256(data).hexdigest()
    assert (entry["row_count"], entry["population_complete"]) == (1, True)
    assert (entry["evidence_kind"], entry["collector"]) == ("observed", "policycheck-luks")
    (attachment,) = entry["attachments"]
    assert (folder / attachment["path"]).read_bytes() == dump.read_bytes()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_other_byte_of_the_manifest_stays(tmp_path: Path, dump: Path, newline: str) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    old = MANIFEST.replace("\n", newline).encode()
    (folder / "manifest.yaml").write_bytes(old)
    (folder / "manifest.yaml").chmod(0o640)
    assert run(dump, "--evidence", folder).exit_code == 0
    new = (folder / "manifest.yaml").read_bytes()
    before, _, rest = old.partition(b"  - evidence_id: luks")
    after = rest[rest.index(b"  # the end of the list") :]
    assert new.startswith(before)
    assert new.endswith(after)
    assert (folder / "manifest.yaml").stat().st_mode & 0o777 == 0o640
    sources = yaml.safe_load(new)["sources"]
    assert [source["evidence_id"] for source in sources] == ["hr", "luks", "last"]


def test_a_source_of_a_new_id_is_added_after_the_last(tmp_path: Path, dump: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(MANIFEST)
    assert run(dump, "--evidence", folder, "--evidence-id", "more").exit_code == 0
    new = (folder / "manifest.yaml").read_text()
    head, tail = MANIFEST.split("# a last word")
    assert new.startswith(head)
    assert new.endswith("# a last word" + tail)


@pytest.mark.parametrize(
    "text",
    [
        "organisation: X\n", "organisation: X", "organisation: X\nsources: []\n",
        "sources: [] # none\norganisation: X\n",
        "organisation: X\nsources: null\n", "organisation: X\nsources:\n- evidence_id: a",
        "organisation: sources\nsources:\n- {evidence_id: a}\n# end\nas_of: 2026-03-02T12:00:00Z\n",
        "\ufefforganisation: X\n",
        "organisation: X\nsources:\n- evidence_id: a\n  note: |\n    one\n\n# end\n",
    ],
)  # fmt: skip
def test_manifests_of_many_shapes_can_be_extended(tmp_path: Path, dump: Path, text: str) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(text)
    old = yaml.safe_load(text)
    for _ in range(2):  # the second run replaces what the first one added
        done = run(dump, "--evidence", folder)
        assert done.exit_code == 0, done.output
        new = yaml.safe_load((folder / "manifest.yaml").read_text())
        assert new["sources"][:-1] == (old.get("sources") or [])
        assert new["sources"][-1]["evidence_id"] == "luks"
        assert {key: value for key, value in new.items() if key != "sources"} == {
            key: value for key, value in old.items() if key != "sources"
        }


@pytest.mark.parametrize(
    "text",
    [
        "organisation: X\nsources: [{evidence_id: a}]\n", "{organisation: X, sources: []}\n", "- a\n",
        "organisation: X\nsources: many\n", "organisation: X\nsources:   # none yet\n",
        "organisation: X\norganisation: Y\n", "a: &b 1\n",
        "organisation: X\nsources:\n- evidence_id: luks\n- evidence_id: luks\n",
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_edited_safely_is_left_alone(tmp_path: Path, dump: Path, text: str) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(text)
    before = snapshot(folder)
    done = run(dump, "--evidence", folder)
    assert done.exit_code == 2
    assert "error[PC" in done.output
    assert snapshot(folder) == before


def test_a_second_run_replaces_the_first_and_removes_its_files(tmp_path: Path, dump: Path) -> None:
    folder = tmp_path / "evidence"
    run(dump, "--evidence", folder, "--organisation", "X")
    (folder / "notes.txt").write_text("mine")
    dump.write_text(json.dumps(header(keyslots=slot(32))))
    done = run(dump, "--evidence", folder)
    assert "in place of 1 before" in done.output
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sorted(path.parts[-3] if path.parent != folder else path.name for path in files) == [
        "collected", "manifest.yaml", "notes.txt", "raw",
    ]  # fmt: skip
    before = snapshot(folder)
    assert run(dump, "--evidence", folder).exit_code == 0
    assert snapshot(folder) == before


@pytest.mark.parametrize("call", range(1, 12))
@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("name", ["write", "replace", "fsync", "open", "mkdir"])
def test_an_interrupted_write_leaves_the_folder_as_it_was(
    tmp_path: Path, dump: Path, *, monkeypatch: pytest.MonkeyPatch, name: str, fresh: bool, call: int
) -> None:
    """Whichever system call fails, the folder is the old one or the new one, and never a mixture."""
    folder = tmp_path / "evidence"
    if not fresh:
        run(dump, "--evidence", folder, "--organisation", "X")
        dump.write_text(json.dumps(header(keyslots=slot(32))))
    before, reached = snapshot(tmp_path), [0]
    documents = [RawDocument(str(dump), dump.read_bytes())]
    collection = LuksCollector().collect(documents, NOW)
    target = writing.Target(folder, "luks", "luks", "policycheck-luks", "0.1.0", "X")
    real = getattr(os, name)

    def failing(*arguments: Any, **named: Any) -> Any:
        reached[0] += 1
        if reached[0] == call:
            raise OSError(28, "No space left on device")
        return real(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(writing.os, name, failing)
        try:
            writing.write_collection(collection, documents, target)
            code = ""
        except InputError as error:
            code = error.faults[0].code
    assert code in ("", "PC762", "PC764")
    if code and snapshot(tmp_path) == before:
        return
    # Otherwise the manifest was already replaced: then everything it names must be there and whole.
    (entry,) = yaml.safe_load((folder / "manifest.yaml").read_text())["sources"]
    for item in [entry, *entry["attachments"]]:
        assert hashlib.sha256((folder / item["path"]).read_bytes()).hexdigest() == item["file_sha256"]
    assert entry["collected_at"] == "2026-03-01T06:00:00Z"
    assert not list(folder.rglob("*.tmp"))
    assert not code or name == "fsync"


def test_two_runs_at_once_both_arrive(tmp_path: Path) -> None:
    """Without the lock, the later of two runs would write a manifest that forgets the earlier."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(MANIFEST)
    code = "from policycheck.cli.collect import collect; collect()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    running = []
    for number in range(6):
        path = tmp_path / f"laptop-{number}.json"
        path.write_text(json.dumps(header()))
        command = [sys.executable, "-c", code, "luks", str(path)]
        command += ["--evidence", str(folder), "--evidence-id", f"disk-{number}"]
        running.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE))
    for process in running:
        _, words = process.communicate(timeout=120)
        assert process.returncode == 0, words.decode()
    sources = yaml.safe_load((folder / "manifest.yaml").read_text())["sources"]
    assert {source["evidence_id"] for source in sources} == {
        "hr", "luks", "last", *(f"disk-{number}" for number in range(6)),
    }  # fmt: skip


def test_a_folder_held_by_another_run_is_an_error_after_a_while(tmp_path: Path, dump: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(MANIFEST)
    held = os.open(folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        target = writing.Target(folder, "luks", "luks", "policycheck-luks", "0.1.0")
        with pytest.raises(InputError, match="PC763"):
            writing.write_collection(Collection("storage_protections", (), NOW), [], target, lock_wait_s=0.2)
    finally:
        os.close(held)


def test_symbolic_links_in_the_folder_are_refused(tmp_path: Path, dump: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    for link in ("collected", "raw", "manifest.yaml", "collected/luks"):
        folder = tmp_path / link.replace("/", "-")
        (folder / "collected").mkdir(parents=True)
        (folder / "manifest.yaml").write_text(MANIFEST)
        if link != "collected/luks":
            path = folder / link
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        aim = outside if link != "manifest.yaml" else tmp_path / "other.yaml"
        (tmp_path / "other.yaml").write_text(MANIFEST)
        (folder / link).symlink_to(aim)
        done = run(dump, "--evidence", folder)
        assert (done.exit_code, "PC762" in done.output) == (2, True), link
        assert list(outside.iterdir()) == []
        assert (tmp_path / "other.yaml").read_text() == MANIFEST
    (tmp_path / "link").symlink_to(folder)
    assert "PC762" in run(dump, "--evidence", tmp_path / "link").output


def test_a_manifest_that_changes_meanwhile_is_not_overwritten(
    tmp_path: Path, dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(MANIFEST)
    real = manifest_text.with_source

    def slow(*arguments: Any) -> Any:
        (folder / "manifest.yaml").write_text(MANIFEST + "# edited by hand\n")
        return real(*arguments)

    monkeypatch.setattr(writing, "with_source", slow)
    assert "PC763" in run(dump, "--evidence", folder).output
    assert (folder / "manifest.yaml").read_text() == MANIFEST + "# edited by hand\n"
    assert not (folder / "collected").exists()


# --- the command ----------------------------------------------------------------------------------


def test_without_a_folder_the_rows_go_to_standard_output(dump: Path) -> None:
    done = CliRunner().invoke(collect, ["luks", str(dump), "--collected-at", "2026-03-01T07:00:00+01:00"])
    row = json.loads(done.stdout)
    assert (row["resource_id"], row["observed_at"]) == ("laptop-1", "2026-03-01T06:00:00Z")


def test_a_dump_is_no_fresher_than_its_file(dump: Path) -> None:
    os.utime(dump, (1_700_000_000, 1_700_000_000))
    assert json.loads(run(dump).stdout)["observed_at"] == "2023-11-14T22:13:20Z"


def test_resources_are_named_by_argument_by_option_or_by_file(dump: Path) -> None:
    assert json.loads(run(dump, "--resource", "r-1").stdout)["protection_id"] == "luks-r-1-laptop-1"
    assert json.loads(run(f"r-2={dump}").stdout)["resource_id"] == "r-2"
    assert run(dump, dump).exit_code == 2
    assert run(dump, dump, "--resource", "r-1").exit_code == 2


def test_a_token_of_unknown_kind_keeps_the_raw_dump_out_of_the_folder(tmp_path: Path, dump: Path) -> None:
    dump.write_text(json.dumps(header(tokens={"0": {"type": "made-here", "keyslots": [], "note": "x"}})))
    folder = tmp_path / "evidence"
    done = run(dump, "--evidence", folder, "--organisation", "X")
    assert "raw input is not kept" in done.output
    assert not (folder / "raw").exists()
    run(dump, "--evidence", folder, "--attach-raw")
    assert (folder / "raw").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("missing.json",), (".",), ("x.json", "--evidence-id", "../x"),
        ("x.json", "--collected-at", "2026-03-01"),
    ],
)  # fmt: skip
def test_a_bad_argument_ends_with_two_and_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.json").write_text(json.dumps(header()))
    done = run(*arguments, "--evidence", tmp_path / "new", "--organisation", "X")
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert not (tmp_path / "new").exists()


def test_what_a_collector_writes_loads_as_evidence(tmp_path: Path, dump: Path) -> None:
    """The loader verifies digests and row counts, and finds no fault but the resource nobody listed."""
    folder = tmp_path / "evidence"
    run(dump, "--evidence", folder, "--organisation", "X", "--collected-at", "2026-03-01T06:00:00Z")
    faults = FaultList()
    tables = {}
    for name in ("storage_protections", "resources", "datasets", "crypto_keys"):
        path = ROOT / f"controls/tables/{name}.schema.json"
        document = read_document(str(path), path.read_bytes(), faults)
        assert document is not None
        schema = read_table_schema(document, name, faults)
        assert schema is not None
        tables[name] = schema
    evidence = load_evidence(folder, tables, datetime(2026, 3, 2, tzinfo=UTC))
    (source,) = evidence.sources
    assert (source.usable, source.rows, evidence.faults) == (True, 1, ())
    assert {fault.code for fault in evidence.row_faults} <= {"dangling_ref"}
    (path,) = folder.glob("collected/luks/*")
    path.write_bytes(path.read_bytes() + b"\n")
    (source,) = load_evidence(folder, tables, datetime(2026, 3, 2, tzinfo=UTC)).sources
    assert not source.usable


def test_the_table_of_collectors_knows_every_member() -> None:
    for name, make in COLLECTORS.items():
        collector = make()
        assert collector.name == name
        assert (ROOT / f"controls/tables/{collector.table}.schema.json").is_file()
