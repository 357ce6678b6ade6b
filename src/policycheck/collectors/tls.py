"""The collector for TLS endpoints: sslyze's JSON output to rows of `tls_scans`.

Goes in: what `sslyze --json_out` wrote, or the same from a scan this package ran (`tls_scan.py`). Comes
out: one row for each address that answered. A probe that was not run, or that failed, is unknown and never
`not_offered`; an endpoint without a certificate or without an answer gives no row and is named as missing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from policycheck.collectors.collection import Collection, RawDocument, Row, instant_text, load_json, refuse
from policycheck.errors import Fault, InputError, PolicycheckError
from policycheck.source import Place

PROTOCOLS = {
    "sslv2": "ssl_2_0_cipher_suites",
    "sslv3": "ssl_3_0_cipher_suites",
    "tls1_0": "tls_1_0_cipher_suites",
    "tls1_1": "tls_1_1_cipher_suites",
    "tls1_2": "tls_1_2_cipher_suites",
    "tls1_3": "tls_1_3_cipher_suites",
}
STRONG_ENOUGH_BITS = 128

_HOW = "give the file that `sslyze --json_out=FILE HOST:PORT` wrote (sslyze 6)"
_WEAK_NAME = re.compile(r"(?:^|_)(?:NULL|anon|EXPORT\d*|RC2|RC4|DES|DES40|DES64|3DES|IDEA|MD5)(?=_|$)")


@dataclass(frozen=True)
class TlsCollector:
    """`collects_sensitive` is a person's statement on all endpoints of the run. `plaintext` is what a
    probe of the same address saw without TLS, by (host, ip). `known_as` gives an endpoint (`host:port` in
    lower case) the identifier that the inventory has for it; any other is its own identifier."""

    collects_sensitive: bool | None = None
    plaintext: Mapping[tuple[str, str], str] = field(default_factory=dict)
    known_as: Mapping[str, str] = field(default_factory=dict)
    name: str = field(default="tls", init=False)
    table: str = field(default="tls_scans", init=False)

    def collect(self, documents: Sequence[RawDocument], collected_at: datetime) -> Collection:
        """`collected_at` counts only for a file that does not say when its scan began; the collection as a
        whole is as old as its oldest scan.

        Raises: InputError PC755 for a file that is not sslyze's, PC756 for one endpoint scanned twice.
        """
        faults: list[Fault] = []
        rows: dict[tuple[str, str, str], Row] = {}
        warnings: list[str] = []
        unseen = dict(self.known_as)
        missing: list[str] = []
        private: list[str] = []
        moments: list[datetime] = []
        for document in documents:
            try:
                results, started = _results(document)
                moment = started or collected_at
                moments.append(moment)
                for index, result in enumerate(results):
                    unseen.pop(_endpoint(document, index, result).lower(), None)
                    row, reasons = self._row(document, index, result, moment)
                    warnings += reasons if row else []
                    missing += [] if row else reasons
                    private += _secrets(document, result)
                    if row:
                        key = (str(row["endpoint_id"]), str(row["ip"]), str(row["scanned_at"]))
                        if key in rows:
                            words = f"`{key[0]}` at `{key[1]}` was scanned twice at {key[2]}"
                            raise refuse("PC756", words, Place(document.name), "give each scan once")
                        rows[key] = row
            except PolicycheckError as error:
                faults.extend(error.faults)
        if faults:
            raise InputError(faults)
        missing += [f"{endpoint}, named {name}: no scan is of it" for endpoint, name in unseen.items()]
        return Collection(
            self.table,
            tuple(rows[key] for key in sorted(rows)),
            min(moments, default=collected_at),
            tuple(warnings),
            tuple(missing),
            # Saying that nothing sensitive is collected takes an endpoint out of the control's view.
            attested=self.collects_sensitive is False,
            private=tuple(private),
        )

    def _row(
        self, document: RawDocument, index: int, result: Mapping[str, Any], moment: datetime
    ) -> tuple[Row | None, list[str]]:
        host, port, ip = _location(document, index, result)
        endpoint = _endpoint(document, index, result)
        shown = f"{endpoint} at {ip}"
        scan = result.get("scan_result")
        if not isinstance(scan, dict):
            why = (
                "no TLS connection could be made" if result.get("connectivity_status") != "COMPLETED" else ""
            )
            return None, [f"{shown}: {why or 'the scan has no result'}"]
        certificate = _certificates(scan, host)
        if certificate is None:
            return None, [f"{shown}: no certificate was read ({_why(scan, 'certificate_info')})"]
        warnings = [f"{shown}: {words}" for words in certificate.warnings]
        offers = {column: _offer(scan, command) for column, command in PROTOCOLS.items()}
        for column in (column for column, offer in offers.items() if offer == "unknown"):
            warnings.append(f"{shown}: {column} is unknown ({_why(scan, PROTOCOLS[column])})")
        weak, bits = _ciphers(scan, all(offer != "unknown" for offer in offers.values()))
        return {
            "endpoint_id": self.known_as.get(endpoint.lower(), endpoint),
            "ip": ip,
            "scanned_at": instant_text(moment),
            "host": host,
            "port": port,
            "collects_sensitive": self.collects_sensitive,
            **offers,
            "weak_ciphers": weak,
            "min_cipher_bits": bits,
            "cert_not_before": instant_text(certificate.not_before),
            "cert_not_after": instant_text(certificate.not_after),
            "hostname_match": certificate.hostname_match,
            "chain_trusted": certificate.chain_trusted,
            "plaintext_http": self.plaintext.get((host, ip), "unknown"),
        }, warnings


# --- the file -------------------------------------------------------------------------------------


def _results(document: RawDocument) -> tuple[list[Mapping[str, Any]], datetime | None]:
    """The results of one file and when its scans began."""
    value = load_json(document, "PC755", _HOW)
    place = Place(document.name)
    results = value.get("server_scan_results") if isinstance(value, dict) else None
    if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
        raise refuse("PC755", "not the JSON output of sslyze: no list `server_scan_results`", place, _HOW)
    started = value.get("date_scans_started")
    return results, None if started is None else _instant(document, "date_scans_started", started)


def _instant(document: RawDocument, name: str, written: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(written)
    except (TypeError, ValueError):
        words = f"`{name}` is not an instant: `{str(written)[:40]}`"
        raise refuse("PC755", words, Place(document.name), _HOW) from None
    # Old certificates and reports write UTC without saying so; both formats define these fields as UTC.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _location(document: RawDocument, index: int, result: Mapping[str, Any]) -> tuple[str, int, str]:
    location = result.get("server_location")
    place = Place(f"{document.name}#server_scan_results[{index}]")
    if not isinstance(location, dict):
        raise refuse("PC755", "the result has no `server_location`", place, _HOW)
    host, port, ip = (location.get(name) for name in ("hostname", "port", "ip_address"))
    if not isinstance(host, str) or not host or not isinstance(port, int) or not 0 < port < 65536:
        raise refuse("PC755", "`server_location` has no usable `hostname` and `port`", place, _HOW)
    # Behind a proxy the scanner does not learn the address; the row still needs one to be told apart.
    return host, port, ip if isinstance(ip, str) and ip else "not-known"


def _endpoint(document: RawDocument, index: int, result: Mapping[str, Any]) -> str:
    host, port, _ = _location(document, index, result)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _secrets(document: RawDocument, result: Mapping[str, Any]) -> list[str]:
    location = result.get("server_location")
    proxy = location.get("http_proxy_settings") if isinstance(location, dict) else None
    if isinstance(proxy, dict) and proxy.get("basic_auth_password"):
        return [f"{document.name}: it holds the password of a proxy"]
    return []


# --- protocols and ciphers ------------------------------------------------------------------------


def _attempt(scan: Mapping[str, Any], command: str) -> Mapping[str, Any] | None:
    """The result of a probe that ran to its end, or None."""
    attempt = scan.get(command)
    if not isinstance(attempt, dict) or attempt.get("status") != "COMPLETED":
        return None
    result = attempt.get("result")
    return result if isinstance(result, dict) else None


def _why(scan: Mapping[str, Any], command: str) -> str:
    attempt = scan.get(command)
    if not isinstance(attempt, dict):
        return "the probe is not in the file"
    reason = attempt.get("error_reason")
    status = str(attempt.get("status"))[:40]
    return f"{status}, {str(reason)[:60]}" if reason else status


def _accepted(scan: Mapping[str, Any], command: str) -> list[Mapping[str, Any]] | None:
    """The accepted cipher suites of a protocol; None when the probe says nothing that can be relied on."""
    result = _attempt(scan, command)
    accepted = result.get("accepted_cipher_suites") if result else None
    if not isinstance(accepted, list):
        return None
    suites = [item.get("cipher_suite") if isinstance(item, dict) else None for item in accepted]
    objects: list[Mapping[str, Any]] = [suite for suite in suites if isinstance(suite, dict)]
    return objects if len(objects) == len(suites) else None


def _offer(scan: Mapping[str, Any], command: str) -> str:
    result, suites = _attempt(scan, command), _accepted(scan, command)
    supported = result.get("is_tls_version_supported") if result else None
    if suites is None or not isinstance(supported, bool) or supported != bool(suites):
        # INVARIANT: not run, failed, or at odds with itself is unknown; only a finished probe denies.
        return "unknown"
    return "offered" if supported else "not_offered"


def _ciphers(scan: Mapping[str, Any], complete: bool) -> tuple[list[str] | None, int | None]:
    """Weak accepted suites and the shortest key in bits. What was found stands even when a protocol was
    not tried; that nothing was found counts only when all were."""
    weak: set[str] = set()
    bits: list[int] = []
    for command in PROTOCOLS.values():
        for suite in _accepted(scan, command) or []:
            name, size = suite.get("name"), suite.get("key_size")
            if not isinstance(name, str) or not isinstance(size, int) or isinstance(size, bool):
                complete = False
                continue
            bits.append(size)
            if size < STRONG_ENOUGH_BITS or suite.get("is_anonymous") is not False or _WEAK_NAME.search(name):
                weak.add(name)
    shortest = min(bits, default=None)
    if complete:
        return sorted(weak), shortest
    return sorted(weak) or None, shortest if shortest is not None and shortest < STRONG_ENOUGH_BITS else None


# --- certificates ---------------------------------------------------------------------------------


class Certificate(Struct, frozen=True):
    """What holds for all certificates an endpoint uses: the shortest validity and the weakest answers."""

    not_before: datetime
    not_after: datetime
    hostname_match: bool | None
    chain_trusted: bool | None
    warnings: tuple[str, ...]


def _certificates(scan: Mapping[str, Any], host: str) -> Certificate | None:
    result = _attempt(scan, "certificate_info")
    deployments = result.get("certificate_deployments") if result else None
    if not isinstance(deployments, list) or not deployments:
        return None
    found = [_deployment(item, host) for item in deployments]
    read = [item for item in found if item is not None]
    if len(read) != len(found):
        return None
    first_to_end = min(read, key=lambda item: item.not_after)
    begins = max(item.not_before for item in read)
    return Certificate(
        begins if begins <= first_to_end.not_after else first_to_end.not_before,
        first_to_end.not_after,
        _all(item.hostname_match for item in read),
        _all(item.chain_trusted for item in read),
        tuple(words for item in read for words in item.warnings),
    )


def _all(values: Any) -> bool | None:
    """Kleene AND."""
    seen = list(values)
    return False if False in seen else None if None in seen else True


def _deployment(deployment: Any, host: str) -> Certificate | None:
    chain = deployment.get("received_certificate_chain") if isinstance(deployment, dict) else None
    leaf = chain[0] if isinstance(chain, list) and chain else None
    if not isinstance(leaf, dict):
        return None
    document = RawDocument("certificate", b"")
    try:
        before = _instant(document, "not_valid_before", leaf.get("not_valid_before"))
        after = _instant(document, "not_valid_after", leaf.get("not_valid_after"))
    except InputError:
        return None
    matches = _names_match(leaf.get("subject_alternative_name"), host)
    trusted, warning = _trusted(deployment.get("path_validation_results"), matches)
    return Certificate(before, after, matches, trusted, (warning,) if warning else ())


def _trusted(results: Any, hostname_match: bool | None) -> tuple[bool | None, str]:
    """Whether every trust store accepts the chain; None where stores differ or where only the host's name
    was in the way, since the scanner checks the name and the chain together."""
    if not isinstance(results, list) or not results or not all(isinstance(item, dict) for item in results):
        return None, "the chain was not validated"
    answers = [item.get("was_validation_successful") for item in results]
    if all(answer is True for answer in answers):
        return True, ""
    reason = next((str(item.get("validation_error")) for item in results if item.get("validation_error")), "")
    if all(answer is False for answer in answers):
        errors = [str(item.get("validation_error")) for item in results]
        if hostname_match is False and all("subjectAltName" in words for words in errors):
            return None, "the chain could not be judged, since the certificate is for another host"
        return False, f"no trust store accepts the chain: {reason[:160]}"
    return None, "some trust stores accept the chain and some do not"


def _names_match(names: Any, host: str) -> bool | None:
    """Whether the certificate names the host, by DNS name or address; the common name does not count."""
    if not isinstance(names, dict):
        return None
    dns, addresses = names.get("dns_names"), names.get("ip_addresses")
    if not isinstance(dns, list) or not isinstance(addresses, list):
        return None
    try:
        wanted = ipaddress.ip_address(host)
    except ValueError:
        return any(_name_matches(str(name), host) for name in dns)
    return any(_same_address(str(address), wanted) for address in addresses)


def _same_address(written: str, wanted: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return ipaddress.ip_address(written) == wanted
    except ValueError:
        return False


def _name_matches(pattern: str, host: str) -> bool:
    """A star stands for exactly one whole first label, and never directly under a top-level name."""
    labels, wanted = pattern.lower().rstrip(".").split("."), host.lower().rstrip(".").split(".")
    if labels[0] == "*":
        return len(labels) > 2 and len(wanted) == len(labels) and wanted[1:] == labels[1:]
    return labels == wanted
