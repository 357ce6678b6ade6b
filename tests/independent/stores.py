"""DP-3.1 and DP-3.3 to DP-3.11: is stored covered information unreadable, and how.

Reference 2.DP and 3.1 (cipher facts); the tables of `crypto_profile`, hashes and truncation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, timedelta

from independent.draw import Draw, iso, stamp
from independent.logic import (
    AS_OF,
    TODAY,
    Row,
    Tables,
    Truth,
    Verdicts,
    at_least,
    at_most,
    by_key,
    choose,
    day,
    every,
    grouped,
    in_effect,
    known,
    negate,
    one_of,
    some,
    verdict,
    within_days,
)

STORES = {
    "laptop", "desktop", "mobile_device", "portable_media", "backup_media", "server", "database", "log_store",
    "object_store", "block_volume", "file_share", "saas", "k8s_cluster",
}  # fmt: skip
ENDPOINTS = {"laptop", "desktop", "mobile_device", "portable_media"}
SLOW_HASHES = {"bcrypt", "scrypt", "argon2id", "PBKDF2-HMAC-SHA2"}
SEPARATE_SECRETS = {"passphrase", "pin", "startup_key", "smartcard", "network_unlock", "kms_service"}
STORAGE_LAYERS = {"full_disk", "volume", "file", "object", "database", "tablespace"}
Rule = Callable[[Row], Truth]
CLOUD = {"cloud", "third_party", "unknown"}  # judged at the floor of the cloud


# The controls of protections that also name each store of which no protection is on record.
UNSEEN = {f"DP-3.{number}" for number in range(3, 10)}

# Where the pack asks for more than the reference does, and why. Nothing else may differ.
STRICTER = {
    "unlisted content": "a store without any dataset on record: nobody has said that it holds nothing",
    "whole layer": "store_layers.sql: one sound disk does not hide an open one beside it",
    "column alone": "store_layers.sql: a column that names no dataset says nothing of the rest of its store",
    "accepted layer": "layered_protections.sql: a layer makes up for another if it meets all rules",
}


class Estate:
    """The stores of one evidence folder, with what lies on them."""

    def __init__(self, tables: Tables, parameters: Row, stricter: Collection[str]) -> None:
        self.p = parameters
        self.stricter = stricter
        self.resources = by_key(tables["resources"], "resource_id")
        self.datasets = by_key(tables["datasets"], "dataset_id")
        self.persons = by_key(tables["persons"], "person_id")
        self.keys = by_key(tables["crypto_keys"], "key_id")
        self.documents = by_key(tables["documents"], "document_version_id")
        self.protections = tables["storage_protections"]
        self.data_of = grouped(tables["datasets"], "resource_id")
        self.layers_of = grouped(self.protections, "resource_id")
        self.guards_of = grouped(tables["safeguards"], "target_id")

    # --- scope ---

    def holds_covered(self, resource: Row) -> Truth:
        data = self.data_of.get(resource["resource_id"], [])
        if not data and "unlisted content" in self.stricter:
            return None
        return some(*(d["is_covered_information"] for d in data))

    def in_use(self, resource: Row) -> bool:
        """A store leaves the scope only with its disposal on record."""
        return resource["decommissioned_at"] is None or resource["disposal_id"] is None

    def store_counts(self, resource: Row) -> bool:
        return resource["kind"] in STORES and self.in_use(resource)

    def covered(self, protection: Row) -> Truth:
        """Whether what a protection protects is covered information."""
        resource = self.resources[protection["resource_id"]]
        if not self.in_use(resource):
            return False
        if protection["dataset_id"] is not None:
            return self.datasets[protection["dataset_id"]]["is_covered_information"]
        return self.holds_covered(resource)

    def encrypts(self, protection: Row) -> Truth:
        return one_of(protection["method"], {"encryption"})

    # --- single rules on one protection ---

    def method(self, p: Row) -> Truth:
        """DP-3.3."""
        kind = known(p["method"])
        if kind is None:
            return None
        if kind == "one_way_hash":
            return every(self.hash(p), self.versions_apart(p))
        if kind == "truncation":
            return every(self.truncation(p), self.versions_apart(p))
        return kind == "encryption"

    def hash(self, p: Row) -> Truth:
        name = known(p["hash_algorithm"])
        if self.p["hash_rule"] == "any_one_way":
            return None if name is None else name != "CRC32"  # a checksum can be met at will
        sound = None if name is None else name in self.p["hash_allowlist"]
        slow = every(None if name is None else name in SLOW_HASHES, p["hash_salted"])
        hard = one_of(p["input_entropy"], {"high"})
        return every(sound, some(hard, p["hash_keyed"], slow))

    def versions_apart(self, p: Row) -> Truth:
        """A truncated and an unkeyed hashed version of one card number give it away together."""
        if p["dataset_id"] is None or "PAN" not in self.datasets[p["dataset_id"]]["data_classes"]:
            return True
        beside = [q for q in self.layers_of[p["resource_id"]] if q["dataset_id"] == p["dataset_id"]]
        truncated = any(q["method"] == "truncation" for q in beside)
        hashed = some(*(negate(q["hash_keyed"]) for q in beside if q["method"] == "one_way_hash"))
        return negate(every(truncated, hashed))

    def truncation(self, p: Row) -> Truth:
        length, first, last = p["original_length"], p["retained_first"], p["retained_last"]
        removed = None if None in (length, first, last) else length - first - last
        if self.p["truncation_rule"] == "any":
            return at_least(removed, 1)
        if length is None:
            return None
        if length < 15:  # social security numbers, and whatever else is short: the last four at most
            return every(at_most(first, 0), at_most(last, 4), at_least(removed, 5))
        return every(at_most(first, 6), at_most(last, 4), at_least(removed, 5 if length == 15 else 6))

    def key_management(self, p: Row) -> Truth:
        """DP-3.4."""
        if p["key_id"] is None:
            # The reference takes the word of any maker. On one's own machines no maker keeps the key.
            elsewhere = self.resources[p["resource_id"]]["hosting"] in ("cloud", "third_party")
            return True if elsewhere and p["algorithm_basis"] == "vendor_documented" else None
        key = self.keys[p["key_id"]]
        reference = key["procedure_document_version_id"]
        if reference is None:
            procedure = None
        else:
            document = self.documents[reference]
            procedure = every(document["doc_type"] == "key_mgmt_procedure", in_effect(document))
        # The reference frees keys of a provider from rotation by name. That a provider is the custodian of
        # its own keys is read into it; that the custodian is still in service, and that a young key need
        # not have been replaced yet, is as well.
        custodian: Truth = True
        rotation: Truth = True
        if key["manager"] == "customer":
            person = key["custodian_person_id"]
            custodian = None if person is None else self.persons[person]["status"] in ("active", "leave")
            limit = self.p["cryptoperiod_days"]
            replaced = (key["created_at"], key["last_rotated_at"])
            if limit:
                rotation = some(key["rotation_enabled"], *(within_days(day(at), limit) for at in replaced))
        return every(
            procedure, one_of(key["state"], {"enabled"}), key["separate_from_data"], custodian, rotation
        )

    def cipher(self, p: Row) -> Truth:
        """DP-3.5."""
        profile, name, mode = self.p["crypto_profile"], known(p["algorithm"]), known(p["mode"])
        if name is None:
            return None
        if name == "TDEA":
            keys = self.tdea_keys(p)
            if keys == "one_key":
                return False  # that is DES
            chained = None if mode is None else mode != "ECB"
            if profile == "literal":
                return chained
            three = one_of(keys, {"three_key"})
            return every(chained, three, True if profile == "interpreted" else p["legacy_decrypt_only"])
        if name != "AES":
            return False
        if mode is None:
            documented = p["algorithm_basis"] == "vendor_documented" and self.is_listed_service(p)
            return True if profile != "literal" and documented else None
        if profile == "literal":
            return mode == "CBC"
        authenticated = one_of(p["integrity_mechanism"], {"aead", "hmac"})
        if mode in ("CTR", "CFB"):
            return authenticated
        if mode == "XTS":
            return p["layer"] in STORAGE_LAYERS
        return mode in ("CBC", "CBC_ESSIV", "GCM", "CCM")

    def is_listed_service(self, p: Row) -> bool:
        """A managed service of a provider that says how its services encrypt."""
        store = self.resources[p["resource_id"]]
        listed = (
            store["provider"] in ("aws", "azure", "gcp") and store["kind"] in self.p["managed_service_kinds"]
        )
        return store["hosting"] == "cloud" and listed

    def tdea_keys(self, p: Row) -> str | None:
        """How many keys, by the facts on ciphers where it is not said."""
        counted = {("nominal_tdea", 168): "three_key", ("with_parity", 192): "three_key",
                   ("nominal_tdea", 112): "two_key", ("with_parity", 128): "two_key"}  # fmt: skip
        said = known(p["tdea_keying_option"])
        return said or counted.get((p["key_bits_convention"], p["key_bits_reported"]))

    def bits(self, p: Row) -> int | None:
        """The effective length of a key."""
        if p["algorithm"] == "TDEA":
            strength = self.p["key_length_basis"] == "security_strength"
            bits = {"three_key": 112 if strength else 168, "two_key": 112, "one_key": 56}
            return bits.get(self.tdea_keys(p) or "")
        if self.length_in_doubt(p):
            return None
        reported, mode = p["key_bits_reported"], known(p["mode"])
        stated = [p["key_bits_effective"]]
        if mode == "XTS" and p["key_bits_convention"] != "aes_size":
            # A reading that is no length of AES, such as half of 128, is none.
            stated.append({512: 256, 384: 192, 256: 128}.get(reported))
        elif mode not in (None, "OTHER"):
            stated.append(reported)
        lengths = [bits for bits in stated if bits is not None]
        if lengths and reported is not None:
            lengths.append(reported)  # nothing makes a key longer than reported
        return min(lengths, default=None)

    def length_in_doubt(self, p: Row) -> bool:
        """One provider wrote some disks with shorter keys before 2015, and does not say which."""
        store = self.resources[p["resource_id"]]
        old = store["created_at"] is None or day(store["created_at"]) < date(2015, 1, 1)
        documented = p["algorithm_basis"] == "vendor_documented"
        return documented and store["kind"] == "block_volume" and store["provider"] == "gcp" and old

    def long_enough(self, p: Row, floor: int) -> Truth:
        bits = self.bits(p)
        if p["algorithm"] == "TDEA" and floor > 168:
            return False
        if p["mode"] == "XTS" and floor == self.p["min_key_bits"]:  # there is no XTS with 192 bits
            return every(at_least(bits, floor), None if bits is None else bits != 192)
        return at_least(bits, floor)

    def floor(self, p: Row) -> int:
        cloud = self.resources[p["resource_id"]]["hosting"] in CLOUD
        return self.p["min_cloud_key_bits"] if cloud else self.p["min_key_bits"]

    def unlock(self, p: Row) -> Truth:
        """DP-3.8. Of a disk, `not_applicable` says nothing."""
        return None if p["preboot_auth"] == "not_applicable" else one_of(p["preboot_auth"], SEPARATE_SECRETS)

    def unbound(self, p: Row) -> Truth:
        """DP-3.9."""
        named = False
        if p["key_id"] is not None:
            named = bool(self.keys[p["key_id"]]["decrypt_user_principals"])
        return negate(some(p["key_bound_to_user_account"], named))

    def is_disk(self, p: Row) -> Truth:
        return every(self.encrypts(p), p["layer"] in ("full_disk", "volume"))

    # --- stores ---

    def fresh(self, p: Row) -> bool:
        """An observation that is too old shows nothing. Days are calendar days, as for retention."""
        endpoint = self.resources[p["resource_id"]]["hosting"] == "endpoint"
        limit = self.p["endpoint_silence_days" if endpoint else "server_silence_days"]
        return within_days(day(p["observed_at"]), limit) is True

    def complete(self, p: Row) -> Truth:
        return one_of(p["state"], {"complete"})

    def accepted(self, p: Row) -> Truth:
        """What DP-3.1 asks of one protection, whenever it was seen and whoever governs its key. The reference
        counts the users in a key's grants among it. Here they are not: DP-3.9 judges the same protection."""
        encrypted = self.encrypts(p)
        disk = every(encrypted, p["layer"] == "full_disk")
        return every(
            self.complete(p),
            self.method(p),
            choose(encrypted, every(self.cipher(p), self.long_enough(p, self.floor(p))), True),
            choose(disk, every(self.unlock(p), negate(p["key_bound_to_user_account"])), True),
        )

    def uses_key(self, p: Row) -> Truth:
        return p["hash_keyed"] if p["method"] == "one_way_hash" else self.encrypts(p)

    def sound(self, p: Row) -> Truth:
        governed = choose(self.uses_key(p), self.key_management(p), True)
        return every(self.accepted(p), governed) if self.fresh(p) else None

    def integrity(self, p: Row) -> Truth:
        """DP-3.11 for one protection: a mechanism of its own, or encryption that authenticates and is on."""
        complete = every(self.encrypts(p), self.complete(p))
        mechanism = known(p["integrity_mechanism"])
        if complete and p["mode"] in ("GCM", "CCM"):
            return True
        if mechanism == "vendor_documented":
            return True if p["algorithm_basis"] in ("vendor_documented", "observed") else None
        if mechanism == "aead":
            return complete
        return None if mechanism is None else mechanism != "none"

    def reached(self, store: str, dataset: str | None, rule: Rule) -> Truth:
        """Whether some protection of the store or of the dataset meets a rule; open where there is none."""
        reach = [p for p in self.layers_of.get(store, []) if p["dataset_id"] in (None, dataset)]
        groups: dict[tuple[str | None, str], list[Truth]] = {}
        for p in reach:
            layer = "disk" if p["layer"] in ("full_disk", "volume") else p["layer"]
            own = (p["dataset_id"], layer if "whole layer" in self.stricter else p["protection_id"])
            groups.setdefault(own, []).append(rule(p))
        answers = []
        for (owner, layer), truths in groups.items():
            held = every(*truths)
            partial = owner is None and layer == "column" and "column alone" in self.stricter
            answers.append(None if partial and held else held)
        return some(*answers) if answers else None

    def all_data(self, resource: Row, rule: Rule, *, covered_only: bool) -> Truth:
        """Whether a rule reaches every dataset of a store; open for a store without any."""
        name = resource["resource_id"]
        data = self.data_of.get(name, [])
        answers = [
            some(
                covered_only and negate(d["is_covered_information"]),
                self.reached(name, d["dataset_id"], rule),
            )
            for d in data
        ]
        return every(*answers) if answers else None

    def at_rest(self, resource: Row, rule: Rule, instead: Truth) -> Truth:
        """DP-3.10 and DP-3.11: the rule for covered information, or for all there is."""
        holds = self.holds_covered(resource)
        covered, everything = (self.all_data(resource, rule, covered_only=c) for c in (True, False))
        return some(every(holds, covered), every(negate(holds), some(everything, instead)))

    def access_control(self, resource: Row) -> Truth:
        guards = [
            g for g in self.guards_of.get(resource["resource_id"], [])
            if g["target_kind"] == "resource" and g["kind"] == "access_control"
        ]  # fmt: skip
        return some(*(g["implemented"] for g in guards)) if guards else None

    def cloud_length(self, p: Row) -> Truth:
        """DP-3.7: this layer or another over the same data has the length that clouds need."""
        floor = self.p["min_cloud_key_bits"]

        def makes_up(q: Row) -> Truth:
            if "accepted layer" in self.stricter:
                return every(self.encrypts(q), self.accepted(q))
            return every(self.encrypts(q), self.complete(q), self.long_enough(q, floor))

        return some(self.long_enough(p, floor), self.reached(p["resource_id"], p["dataset_id"], makes_up))


def expected(tables: Tables, parameters: Row, stricter: Collection[str] = STRICTER) -> dict[str, Verdicts]:
    """The verdicts on every store and on every protection."""
    e = Estate(tables, parameters, stricter)
    found: dict[str, Verdicts] = {}
    for resource in tables["resources"]:
        name = resource["resource_id"]
        counts, covered = e.store_counts(resource), e.holds_covered(resource)
        asked = every(counts, True if parameters["dp310_scope"] == "all" else covered)
        guard = e.access_control(resource)
        ruled: dict[str, tuple[Truth, Truth]] = {
            "DP-3.1": (every(counts, covered), e.all_data(resource, e.sound, covered_only=True)),
            "DP-3.10": (asked, e.at_rest(resource, e.sound, guard)),
            "DP-3.11": (asked, e.at_rest(resource, e.integrity, False)),
        }
        for control, (applies, holds) in ruled.items():
            found.setdefault(control, {})[name] = verdict(applies, holds)
        if name not in e.layers_of and every(counts, covered) is not False:
            cloud = resource["hosting"] in CLOUD
            for control in UNSEEN - {"DP-3.6" if cloud else "DP-3.7"}:
                found.setdefault(control, {})[name] = "unknown"
    for p in tables["storage_protections"]:
        name, covered, encrypted = p["protection_id"], e.covered(p), e.encrypts(p)
        keyed = some(encrypted, every(p["method"] == "one_way_hash", p["hash_keyed"]))
        cloud = e.resources[p["resource_id"]]["hosting"] in CLOUD
        ruled = {
            "DP-3.3": (every(covered, p["method"] != "none"), e.method(p)),  # no protection is for DP-3.1
            "DP-3.4": (every(covered, keyed), e.key_management(p)),
            "DP-3.5": (every(covered, encrypted), e.cipher(p)),
            "DP-3.6": (every(covered, encrypted, not cloud), e.long_enough(p, parameters["min_key_bits"])),
            "DP-3.7": (every(covered, encrypted, cloud), e.cloud_length(p)),
            "DP-3.8": (every(covered, e.is_disk(p)), e.unlock(p)),
            "DP-3.9": (every(covered, e.is_disk(p)), e.unbound(p)),
        }
        for control, (applies, holds) in ruled.items():
            found.setdefault(control, {})[name] = verdict(applies, holds)
    return found


# --- rows -------------------------------------------------------------------------------------------

KINDS = (*sorted(STORES), "paper_store", "website")
METHODS = ("one_way_hash", "truncation", "tokenization", "masking", "none", "unknown")
LAYERS = (
    "full_disk", "volume", "file", "object", "database", "tablespace", "column", "field", "application",
    "backup_stream",
)  # fmt: skip
CIPHERS = (
    "TDEA", "DES", "CHACHA20", "XSALSA20", "RC4", "RC2", "SM4", "CAMELLIA", "SERPENT", "TWOFISH", "ADIANTUM",
    "NULL", "OTHER", "UNKNOWN", None,
)  # fmt: skip
MODES = ("CBC", "CBC_ESSIV", "GCM", "CCM", "XTS", "CTR", "CFB", "ECB", "OTHER", "UNKNOWN", None)
HASHES = ("SHA-256", "SHA-224", "bcrypt", "argon2id", "BLAKE2", "MD5", "SHA-1", "CRC32", "Whirlpool", None)
INTEGRITY = (
    "aead", "hmac", "dm_integrity", "checksum_manifest", "fs_checksum", "object_lock", "signature",
    "vendor_documented", "none", "unknown",
)  # fmt: skip
PREBOOT = (
    "passphrase", "pin", "startup_key", "smartcard", "network_unlock", "kms_service", "tpm_only",
    "os_user_credential", "none", "not_applicable", "unknown",
)  # fmt: skip


def generate(draw: Draw, size: int) -> Tables:
    """As many protections, on about a third as many stores."""
    documents = [
        {
            "document_version_id": f"d{i}", "document_id": f"d{i}", "version_label": "1", "topics": [],
            "doc_type": draw.mostly("key_mgmt_procedure", "policy", share=0.8), "scope": "all",
            "created_at": "2020-01-01", "publication_urls": [],
            "effective_from": draw.mostly("2024-01-01", iso(TODAY), "2026-03-03", None, share=0.7),
            "effective_to": None,
            "is_in_effect": draw.mostly(True, None, False, share=0.8),
        }
        for i in range(60)
    ]  # fmt: skip
    draw.end_some(documents)
    keys = [
        {
            "key_id": f"k{i}", "provider": "kms", "spec": "AES",
            "created_at": "2020-01-01",
            "state": draw.mostly("enabled", "disabled", "pending_deletion", "unknown", "unavailable"),
            "manager": draw.mostly("customer", "provider_managed", "provider_owned", share=0.6),
            "last_rotated_at": draw.maybe(lambda: draw.moment(draw.back(0, 100, 365, 365, 365, 366))),
            "rotation_enabled": draw.mostly(True, False, None, share=0.4),
            "separate_from_data": draw.mostly(True, False, None, share=0.9),
            "decrypt_user_principals": draw.mostly([], ["alice"], share=0.85),
            "procedure_document_version_id": draw.maybe(f"d{draw.randrange(60)}"),
            "custodian_person_id": draw.mostly("p1", "p2", "p3", None, share=0.8),
        }
        for i in range(400)
    ]  # fmt: skip
    for key in keys:
        if key["last_rotated_at"] is None:
            key["created_at"] = draw.moment(draw.back(0, 365, 365, 366, 900))
    resources = [_store(draw, i) for i in range(size // 3)]
    datasets = [
        {
            "dataset_id": f"t{i}", "resource_id": draw.choice(resources)["resource_id"], "name": "n",
            "data_classes": draw.some_of(("PHI", "PII", "PAN", "SSN", "none"), 2), "origin": "client",
            "is_covered_information": draw.mostly(True, False, None, share=0.75),
            "record_class": "phi_content",
            "activity_ids": [], "retention_enforcement": "none", "discovered_by": "both",
        }
        for i in range(size // 2)
    ]  # fmt: skip
    safeguards = [
        {
            "safeguard_id": f"g{i}", "target_kind": draw.mostly("resource", "dataset", "org"),
            "target_id": draw.choice(resources)["resource_id"], "verified_at": "2026-03-01",
            "kind": draw.mostly("access_control", "encryption", "checksum"),
            "implemented": draw.one(True, False, None),
        }
        for i in range(size // 6)
    ]  # fmt: skip
    data_of = grouped(datasets, "resource_id")
    protections = []
    for i in range(size):
        store = draw.choice(resources)
        data = data_of.get(store["resource_id"], [])
        protections.append(_protection(draw, i, store, data, keys))
    return {
        "resources": resources, "datasets": datasets, "storage_protections": protections, "crypto_keys": keys,
        "documents": documents, "disposals": [_disposal()], "safeguards": safeguards,
        "persons": [_person("p1", "active"), _person("p2", "leave"), _person("p3", "terminated")],
        "exceptions": [], "appointments": [], "parties": [],
    }  # fmt: skip


def _store(draw: Draw, i: int) -> Row:
    kind = draw.choice(KINDS)
    gone = draw.random() < 0.1
    return {
        "resource_id": f"r{i}", "kind": kind,
        "hosting": draw.mostly("endpoint" if kind in ENDPOINTS else "on_prem", "cloud", "third_party",
                               "unknown", "on_prem", "endpoint", share=0.4),
        "provider": draw.mostly("gcp", "aws", "other", None, share=0.6),
        "created_at": draw.one(None, "2014-12-31", "2015-01-01", "2015-01-02"),
        "decommissioned_at": "2026-01-01" if gone else None,
        "disposal_id": "x1" if draw.random() < (0.5 if gone else 0.03) else None,
    }  # fmt: skip


def _protection(draw: Draw, i: int, store: Row, data: list[Row], keys: list[Row]) -> Row:
    method = draw.mostly("encryption", *METHODS, share=0.65)
    encrypted = method in ("encryption", "unknown")
    mode = draw.choice(MODES)
    bits = draw.choice([None, 64, 112, 127, 128, 129, 168, 192, 255, 256, 256, 256, 257, 512])
    length = draw.choice([None, 9, 13, 15, 16, 16, 19])
    age = draw.choice([0, 1, 6, 7, 8, 13, 14, 15])
    moment = AS_OF - timedelta(days=age, seconds=draw.choice([0, 1, -1 if age else 0]))
    return {
        "protection_id": f"s{i}", "resource_id": store["resource_id"],
        "dataset_id": draw.choice(data)["dataset_id"] if data and draw.random() < 0.4 else None,
        "method": method, "layer": draw.mostly("full_disk", *LAYERS, share=0.2),
        "algorithm": draw.mostly("AES", *CIPHERS, "TDEA", "TDEA", "TDEA", share=0.6) if encrypted else None,
        "mode": mode if encrypted else None,
        "key_bits_reported": draw.mostly(bits, None, 112, 128, 168, 192, 256, 384, 512, share=0.5),
        "key_bits_convention": draw.one("aes_size", "total_xts", "nominal_tdea", "with_parity", None),
        "key_bits_effective": draw.mostly(bits, None, 128, 256, share=0.8) if encrypted else None,
        "tdea_keying_option": draw.one("one_key", "two_key", "three_key", "three_key", "unknown", None),
        "algorithm_basis": draw.mostly("observed", "vendor_documented", "asserted", "unknown", share=0.6),
        "state": draw.mostly("complete", "partial", "converting", "suspended", "off", "unknown"),
        "legacy_decrypt_only": draw.one(True, True, False, None),
        "hash_algorithm": draw.choice(HASHES), "hash_keyed": draw.one(True, False, None),
        "hash_salted": draw.one(True, False, None), "input_entropy": draw.one("low", "high", "unknown", None),
        "original_length": length, "retained_first": draw.one(None, 0, 0, 1, 5, 6, 7),
        "retained_last": draw.one(None, 0, 3, 4, 4, 5),
        "key_id": draw.maybe(lambda: draw.choice(keys)["key_id"], 0.15),
        "integrity_mechanism": draw.choice(INTEGRITY), "preboot_auth": draw.choice(PREBOOT),
        "key_bound_to_user_account": draw.one(False, False, True, None),
        "observed_at": stamp(min(moment, AS_OF)),
    }  # fmt: skip


def _disposal() -> Row:
    return {
        "disposal_id": "x1", "target_kind": "resource", "target_id": "r1", "medium": "flash",
        "method": "purge",
        "performed_at": "2026-01-01",
    }  # fmt: skip


def _person(name: str, status: str) -> Row:
    return {
        "person_id": name, "employment_type": "employee", "status": status, "start_date": "2020-01-01",
        "groups": [],
    }  # fmt: skip
