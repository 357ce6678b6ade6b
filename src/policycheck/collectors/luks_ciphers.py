"""Reads a dm-crypt cipher specification such as `aes-xts-plain64` and what its key length means.

Goes in: the specification and the volume key's length in bits. Comes out: algorithm, mode and effective
bits in the terms of the table `storage_protections`. What it does not recognise is UNKNOWN, never a guess.
"""

from __future__ import annotations

import re

from msgspec import Struct

ALGORITHMS = {
    "aes": "AES",
    "serpent": "SERPENT",
    "twofish": "TWOFISH",
    "camellia": "CAMELLIA",
    "sm4": "SM4",
    "des": "DES",
    "des3_ede": "TDEA",
    "chacha20": "CHACHA20",
    "xchacha20,aes": "ADIANTUM",
    "xchacha12,aes": "ADIANTUM",
    "cipher_null": "NULL",
    "anubis": "OTHER",
    "aria": "OTHER",
    "blowfish": "OTHER",
    "cast5": "OTHER",
    "cast6": "OTHER",
    "seed": "OTHER",
    "aegis128": "OTHER",
}
MODES = {
    "xts": "XTS",
    "cbc": "CBC",
    "ecb": "ECB",
    "ctr": "CTR",
    "gcm": "GCM",
    "ccm": "CCM",
    "cfb": "CFB",
    "lrw": "OTHER",
    "pcbc": "OTHER",
    "adiantum": "OTHER",
    "hctr2": "OTHER",
}
# The part of the volume key that belongs to the integrity tag and not to the cipher, in bits.
INTEGRITY_KEY_BITS = {
    "none": 0,
    "aead": 0,
    "poly1305": 0,
    "hmac(sha1)": 160,
    "hmac(sha256)": 256,
    "hmac(sha512)": 512,
    "cmac(aes)": 128,
}
_KERNEL_FORM = re.compile(r"capi:(?P<mode>[a-z0-9]+)\((?P<cipher>[a-z0-9_]+)\)-(?P<iv>[a-z0-9]+)")


class Cipher(Struct, frozen=True):
    """The cipher columns of one protection. Units: bits."""

    algorithm: str
    mode: str | None
    key_bits_reported: int | None
    key_bits_convention: str | None
    key_bits_effective: int | None
    tdea_keying_option: str | None = None
    warning: str = ""


def read_cipher(specification: str, key_bits: int | None) -> Cipher:
    """The meaning of `specification` with a volume key of `key_bits` (None: not known)."""
    name, mode_name, iv = _parts(specification)
    algorithm = ALGORITHMS.get(name, "UNKNOWN")
    if algorithm == "NULL":
        return Cipher("NULL", None, key_bits, None, 0)
    mode = MODES.get(mode_name, "UNKNOWN")
    if mode == "CBC" and iv.startswith("essiv"):
        mode = "CBC_ESSIV"
    if algorithm == "UNKNOWN":
        words = f"the cipher `{specification[:60]}` is not known here"
        return Cipher("UNKNOWN", "UNKNOWN", key_bits, "unknown", None, None, words)
    if key_bits is None:
        return Cipher(algorithm, mode, None, None, None, "unknown" if algorithm == "TDEA" else None)
    return _with_length(specification, algorithm, mode, key_bits)


def integrity_key_bits(kind: str | None) -> int | None:
    """How many bits of the volume key belong to the integrity tag; None when that is not known."""
    return 0 if kind is None else INTEGRITY_KEY_BITS.get(kind)


def _parts(specification: str) -> tuple[str, str, str]:
    """Cipher, mode and the way initial values are made; empty where the form is not known."""
    kernel = _KERNEL_FORM.fullmatch(specification)
    if kernel:
        return kernel["cipher"], kernel["mode"], kernel["iv"]
    if specification.startswith("capi:"):
        return "", "", ""
    if specification == "cipher_null":
        return "cipher_null", "", ""
    if specification in ("chacha20-random", "aegis128-random"):
        return specification.removesuffix("-random"), "", "random"
    parts = specification.split("-", 2)
    if len(parts) < 2:
        # INVARIANT: an old bare `aes` means one mode in one version and another in the next: unknown.
        return "", "", ""
    return parts[0], parts[1], parts[2] if len(parts) > 2 else ""


def _with_length(specification: str, algorithm: str, mode: str, key_bits: int) -> Cipher:
    odd = f"a key of {key_bits} bits does not fit `{specification[:60]}`"
    if algorithm == "TDEA":
        fits = key_bits == 192
        return Cipher(
            algorithm, mode, key_bits, "with_parity", 168 if fits else None,
            "three_key" if fits else "unknown", "" if fits else odd,
        )  # fmt: skip
    if algorithm == "DES":
        return Cipher(algorithm, mode, key_bits, "with_parity", 56 if key_bits == 64 else None)
    if mode == "XTS":
        # XTS uses two keys of one size: half of the volume key is the cipher's, and 384 bits is no XTS key.
        fits = key_bits in (256, 512)
        return Cipher(
            algorithm, mode, key_bits, "total_xts", key_bits // 2 if fits else None, None, "" if fits else odd
        )
    if mode in ("UNKNOWN", "OTHER") and algorithm != "CHACHA20":
        return Cipher(algorithm, mode, key_bits, "unknown", None)
    fits = key_bits in (128, 192, 256)
    return Cipher(
        algorithm, mode, key_bits, "aes_size", key_bits if fits else None, None, "" if fits else odd
    )
