"""Reads what unlocks a LUKS2 container from its tokens.

A header holds keyslots; a token says how one of them can be opened without a person typing. Where the
header cannot tell (a bare keyslot opens with a passphrase or with a key file that may lie on the same
disk), the answer is unknown unless a person states it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

# Weakest first: any keyslot opens the whole container, so the weakest way in decides.
WEAKEST_FIRST = (
    "none",
    "tpm_only",
    "os_user_credential",
    "unknown",
    "network_unlock",
    "startup_key",
    "pin",
    "smartcard",
    "passphrase",
)
KNOWN_TOKENS = frozenset({
    "systemd-tpm2", "systemd-fido2", "systemd-pkcs11", "systemd-recovery", "systemd-homed",
    "clevis", "luks2-keyring", "ssh",
})  # fmt: skip


def token_unlock(token: Mapping[str, Any]) -> str:
    """The `preboot_auth` of one token; `unknown` for a kind that is not known."""
    kind = token.get("type")
    if kind == "systemd-tpm2":
        # A missing flag is an old token, which had no PIN.
        return "pin" if token.get("tpm2-pin") is True else "tpm_only"
    if kind == "systemd-fido2":
        asked = token.get("fido2-clientPin-required") is True or token.get("fido2-uv-required") is True
        return "smartcard" if asked else "startup_key"
    if kind == "clevis":
        return _clevis_unlock(token)
    return {
        "systemd-pkcs11": "smartcard",
        "systemd-recovery": "passphrase",
        "systemd-homed": "os_user_credential",
        "ssh": "network_unlock",
    }.get(str(kind), "unknown")


def weakest_unlock(tokens: Sequence[Mapping[str, Any]], keyslots: Sequence[str], stated: str) -> str:
    """The weakest way into the container.

    Goes in: the tokens, the keyslots that hold the volume key, and what a person states about keyslots
    that no token covers (`unknown` when nobody said). A statement never outweighs a token.
    """
    ways: list[str] = []
    covered: set[str] = set()
    for token in tokens:
        named = token.get("keyslots")
        slots = {str(slot) for slot in named} & set(keyslots) if isinstance(named, list) else set()
        if slots:
            covered |= slots
            ways.append(token_unlock(token))
    if set(keyslots) - covered:
        ways.append(stated)
    if not ways:
        return "unknown"
    return min(ways, key=lambda way: WEAKEST_FIRST.index(way) if way in WEAKEST_FIRST else 0)


def _clevis_unlock(token: Mapping[str, Any]) -> str:
    jwe = token.get("jwe")
    sealed = jwe.get("protected") if isinstance(jwe, Mapping) else None
    if not isinstance(sealed, str):
        return "unknown"
    try:
        header = json.loads(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
        pin = header["clevis"]["pin"]
    except (ValueError, binascii.Error, KeyError, TypeError, RecursionError):
        return "unknown"
    # A shared-secret policy (`sss`) mixes pins and thresholds; reading it wrongly could only flatter.
    return {"tang": "network_unlock", "tpm2": "tpm_only", "yubikey": "startup_key"}.get(str(pin), "unknown")
