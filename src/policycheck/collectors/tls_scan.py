"""Scans endpoints with sslyze and asks them for plain HTTP.

Goes in: hosts and ports. Comes out: the JSON sslyze itself would have written, so that a live scan and a
file take the same way. sslyze is an optional dependency and is imported here only.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from policycheck.collectors.collection import RawDocument, refuse
from policycheck.source import Place

FAMILIES = {"all": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}


class Endpoint(Struct, frozen=True):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """`host:port`, `192.0.2.1:443` or `[2001:db8::1]:443`. Raises: InputError PC758."""
    hint = "write HOST:PORT, for instance www.example.com:443 or [2001:db8::1]:443"
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    plain = bool(host) and not any(character in host for character in "/@[]# \t\\")
    if not colon or not plain or (":" in host) != bracketed or not port.isascii() or not port.isdigit():
        raise refuse("PC758", f"`{text[:80]}` is not an endpoint", Place("collect tls"), hint)
    if not 0 < int(port[:6]) < 65536:
        raise refuse("PC758", f"`{text[:80]}` has no such port", Place("collect tls"), hint)
    if bracketed:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise refuse("PC758", f"`{host}` is no IPv6 address", Place("collect tls"), hint) from None
    return Endpoint(host, int(port))


def addresses(endpoint: Endpoint, family: str) -> list[str]:
    """All addresses the name has now, sorted; empty when it has none."""
    try:
        found = socket.getaddrinfo(endpoint.host, endpoint.port, FAMILIES[family], socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return sorted({str(item[4][0]) for item in found})


def scan(
    targets: Sequence[tuple[Endpoint, str]],
    timeout_s: int,
    now: Callable[[], datetime],
    progress: Callable[[str], None],
) -> RawDocument:
    """The JSON output of one scan of all `targets` (endpoint and address); `progress` hears of each as it
    is done, in the order they finish.

    Raises: InputError PC757 when sslyze is not installed.
    """
    try:
        import sslyze
    except ImportError:
        hint = "install it with `pip install 'policycheck[tls]'`, or give a finished scan with --from"
        place = Place("collect tls")
        raise refuse("PC757", "a live scan needs sslyze, which is not installed", place, hint) from None
    started = now()
    scanner = sslyze.Scanner()
    scanner.queue_scans([_request(sslyze, endpoint, ip, timeout_s) for endpoint, ip in targets])
    results = []
    for result in scanner.get_results():
        results.append(result)
        location = result.server_location
        words = result.connectivity_status.name.lower()
        progress(f"{location.hostname}:{location.port} at {location.ip_address}: {words}")
    output = sslyze.SslyzeOutputAsJson(
        server_scan_results=[sslyze.ServerScanResultAsJson.model_validate(item) for item in results],
        invalid_server_strings=[],
        date_scans_started=started,
        date_scans_completed=now(),
    )
    return RawDocument("sslyze.json", output.model_dump_json(indent=2).encode())


def _request(sslyze: Any, endpoint: Endpoint, ip: str, timeout_s: int) -> Any:
    """What is asked of one address: the certificates and every protocol version."""
    commands = {
        sslyze.ScanCommand.CERTIFICATE_INFO,
        sslyze.ScanCommand.SSL_2_0_CIPHER_SUITES,
        sslyze.ScanCommand.SSL_3_0_CIPHER_SUITES,
        sslyze.ScanCommand.TLS_1_0_CIPHER_SUITES,
        sslyze.ScanCommand.TLS_1_1_CIPHER_SUITES,
        sslyze.ScanCommand.TLS_1_2_CIPHER_SUITES,
        sslyze.ScanCommand.TLS_1_3_CIPHER_SUITES,
    }
    return sslyze.ServerScanRequest(
        server_location=sslyze.ServerNetworkLocation(endpoint.host, endpoint.port, ip_address=ip),
        network_configuration=sslyze.ServerNetworkConfiguration(
            tls_server_name_indication=endpoint.host, network_timeout=timeout_s
        ),
        scan_commands=commands,
    )


def probe_plaintext(
    targets: Iterable[tuple[Endpoint, str]], port: int, timeout_s: int
) -> dict[tuple[str, str], str]:
    """What each (host, address) does on plain HTTP at `port`, by one GET of `/`.

    A refused connection is `refused`; a redirect to https is `redirects`; a page is
    `serves_content`. A timeout, an error or any other answer is left out, and so unknown.
    Nothing is ever submitted.
    """
    return {
        (endpoint.host, ip): answer
        for endpoint, ip in targets
        if (answer := _probe(endpoint.host, ip, port, timeout_s)) is not None
    }


def _probe(host: str, ip: str, port: int, timeout_s: int) -> str | None:
    connection = http.client.HTTPConnection(ip, port, timeout=timeout_s)
    named = f"[{host}]" if ":" in host else host
    try:
        connection.request("GET", "/", headers={"Host": named if port == 80 else f"{named}:{port}"})
        response = connection.getresponse()
        target = urlsplit(response.getheader("Location") or "")
    except ConnectionRefusedError:
        return "refused"
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    if response.status in (301, 302, 303, 307, 308) and target.scheme == "https":
        return "redirects"
    return "serves_content" if 200 <= response.status < 300 else None
