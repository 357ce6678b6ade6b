"""The TLS collector against real local servers, and against what a scanner may leave out."""

from __future__ import annotations

import http.server
import ipaddress
import json
import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from policycheck.cli.collect import collect
from policycheck.collectors import tls_scan
from policycheck.collectors.collection import Collection, RawDocument
from policycheck.collectors.tls import TlsCollector, _name_matches
from policycheck.errors import InputError

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
SCHEMA = json.loads((ROOT / "controls/tables/tls_scans.schema.json").read_text())
PROTOCOLS = ("sslv2", "sslv3", "tls1_0", "tls1_1", "tls1_2", "tls1_3")

try:
    import sslyze
except ImportError:
    sslyze = None
needs_sslyze = pytest.mark.skipif(
    sslyze is None and not os.environ.get("POLICYCHECK_REQUIRE_TOOLS"),
    reason="sslyze is not installed; POLICYCHECK_REQUIRE_TOOLS makes this an error",
)


# --- real servers ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key, for `localhost` and not for any address."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begins = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Server:
    """Accepts connections on a free local port until it is closed; with a context it speaks TLS."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        try:
            if self.context is None:
                connection.recv(1024)
                connection.sendall(b"220 no encryption here\r\n")
                return
            with self.context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1024)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        # close() alone does not wake a thread that waits in accept().
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(5)


def context(certificate: Path, version: ssl.TLSVersion, ciphers: str = "") -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    made.minimum_version = made.maximum_version = version
    if ciphers:
        made.set_ciphers(ciphers)
    return made


@pytest.fixture(scope="module")
def servers(certificate: Path) -> Iterator[dict[str, Server]]:
    running = {
        "tls1_2": Server(context(certificate, ssl.TLSVersion.TLSv1_2)),
        "tls1_3": Server(context(certificate, ssl.TLSVersion.TLSv1_3)),
        "plain": Server(None),
    }
    yield running
    for server in running.values():
        server.close()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(collect, ["tls", *map(str, arguments)])


def rows(text: str) -> dict[int, dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    for row in found:
        jsonschema.validate(row, SCHEMA)
    return {row["port"]: row for row in found}


@needs_sslyze
def test_a_live_scan_of_real_servers_sees_what_each_offers(
    servers: dict[str, Server], tmp_path: Path
) -> None:
    """One that speaks no TLS gives no row, is named, and keeps the population from being complete."""
    folder = tmp_path / "evidence"
    endpoints = [f"localhost:{server.port}" for server in servers.values()]
    done = run(
        *endpoints, "--addresses", "ipv4", "--evidence", folder, "--organisation", "X",
        "--population-complete", "--collects-sensitive",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (entry,) = yaml.safe_load((folder / "manifest.yaml").read_text())["sources"]
    seen = rows((folder / entry["path"]).read_text())
    assert set(seen) == {servers["tls1_2"].port, servers["tls1_3"].port}
    for name in ("tls1_2", "tls1_3"):
        row = seen[servers[name].port]
        assert {protocol: row[protocol] for protocol in PROTOCOLS} == {
            protocol: "offered" if protocol == name else "not_offered" for protocol in PROTOCOLS
        }
        assert (row["host"], row["ip"], row["hostname_match"]) == ("localhost", "127.0.0.1", True)
        assert (row["chain_trusted"], row["weak_ciphers"], row["plaintext_http"]) == (False, [], "unknown")
        assert row["min_cipher_bits"] >= 128
        assert row["cert_not_before"] < row["scanned_at"] < row["cert_not_after"]
        assert row["collects_sensitive"] is True
    assert f"no row for localhost:{servers['plain'].port} at 127.0.0.1" in done.output
    assert entry["population_complete"] is False
    assert "not entered as complete" in done.output
    assert entry["evidence_kind"] == "observed"
    # The raw copy is sslyze's own format: read again, it gives the same rows.
    (attachment,) = entry["attachments"]
    again = run("--from", folder / attachment["path"], "--collects-sensitive")
    assert rows(again.stdout) == seen


@needs_sslyze
def test_a_name_that_the_certificate_does_not_hold_is_no_match(servers: dict[str, Server]) -> None:
    row = rows(run(f"127.0.0.1:{servers['tls1_3'].port}").stdout)[servers["tls1_3"].port]
    assert row["hostname_match"] is False


@needs_sslyze
def test_nothing_usable_ends_with_two_and_writes_nothing(servers: dict[str, Server], tmp_path: Path) -> None:
    free = socket.create_server(("127.0.0.1", 0))
    closed = free.getsockname()[1]
    free.close()
    folder = tmp_path / "evidence"
    done = run(
        f"127.0.0.1:{closed}", f"127.0.0.1:{servers['plain'].port}", "nowhere.invalid:443",
        "--timeout", "2", "--evidence", folder, "--organisation", "X",
    )  # fmt: skip
    assert done.exit_code == 2
    assert "PC759" in done.output
    assert "the name has no address" in done.output
    assert not folder.exists()


def test_a_live_scan_without_sslyze_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sslyze", None)
    done = run("127.0.0.1:443")
    assert done.exit_code == 2
    assert "PC757" in done.output
    assert "policycheck[tls]" in done.output


def test_a_file_is_read_without_sslyze(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sslyze", None)
    path = tmp_path / "scan.json"
    path.write_text(json.dumps(report()))
    assert run("--from", path).exit_code == 0


def test_a_scan_is_known_by_the_name_of_its_website(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    path.write_text(json.dumps(report()))
    named = run("--from", path, "--endpoint-id", "shop=WWW.example.com:443")
    assert named.exit_code == 0
    assert json.loads(named.stdout)["endpoint_id"] == "shop"
    assert json.loads(run("--from", path).stdout)["endpoint_id"] == "www.example.com:443"


def test_a_name_whose_endpoint_no_scan_is_of_is_told_and_leaves_the_population_open(tmp_path: Path) -> None:
    path, folder = tmp_path / "scan.json", tmp_path / "evidence"
    path.write_text(json.dumps(report()))
    done = run("--from", path, "--endpoint-id", "till=till.example.com:443", "--population-complete",
               "--evidence", folder, "--organisation", "X")  # fmt: skip
    assert done.exit_code == 0
    assert "no row for till.example.com:443, named till: no scan is of it" in done.output
    (entry,) = yaml.safe_load((folder / "manifest.yaml").read_text())["sources"]
    assert entry["population_complete"] is False


def test_two_endpoints_never_share_a_name(tmp_path: Path) -> None:
    """The inventory knows one website of that name, so that one scan would vouch for both."""
    path = tmp_path / "scan.json"
    path.write_text(json.dumps(report()))
    both = ("--endpoint-id", "shop=www.example.com:443", "--endpoint-id", "shop=example.com:443")
    done = run("--from", path, *both)
    assert done.exit_code == 2
    assert "PC753" in done.output


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Location", self.server.location)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "location", "expected"),
    [
        (301, "https://localhost/", "redirects"),
        (308, "HTTPS://localhost/", "redirects"),
        (302, "http://localhost/other", None),
        (302, "/other", None),
        (200, "", "serves_content"),
        (404, "", None),
        (500, "", None),
        (200, "https://localhost/", "serves_content"),
    ],
)
def test_a_plain_http_probe_claims_only_what_it_saw(status: int, location: str, expected: str | None) -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    server.status, server.location = status, location  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    target = (tls_scan.Endpoint("localhost", 443), "127.0.0.1")
    try:
        seen = tls_scan.probe_plaintext([target], server.server_port, 5)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
    assert seen == ({("localhost", "127.0.0.1"): expected} if expected else {})
    assert tls_scan.probe_plaintext([target], server.server_port, 5) == {
        ("localhost", "127.0.0.1"): "refused"
    }


def test_a_host_that_speaks_no_http_is_unknown(servers: dict[str, Server]) -> None:
    target = (tls_scan.Endpoint("localhost", 443), "127.0.0.1")
    assert tls_scan.probe_plaintext([target], servers["plain"].port, 5) == {}


# --- what a scanner may leave out -----------------------------------------------------------------


def suite(name: str = "TLS_AES_256_GCM_SHA384", bits: Any = 256, anonymous: Any = False) -> dict[str, Any]:
    return {"cipher_suite": {"name": name, "key_size": bits, "is_anonymous": anonymous}}


def probe(*suites: dict[str, Any]) -> dict[str, Any]:
    result = {"is_tls_version_supported": bool(suites), "accepted_cipher_suites": list(suites)}
    return {"status": "COMPLETED", "error_reason": None, "result": result}


def deployment(**changes: Any) -> dict[str, Any]:
    leaf = {
        "not_valid_before": "2026-01-01T00:00:00Z",
        "not_valid_after": "2026-12-31T00:00:00Z",
        "subject_alternative_name": {"dns_names": ["www.example.com"], "ip_addresses": []},
        **changes,
    }
    trusted = [{"was_validation_successful": True, "validation_error": None}] * 5
    return {"received_certificate_chain": [leaf], "path_validation_results": trusted}


def report(*deployments: dict[str, Any], **commands: Any) -> dict[str, Any]:
    info = {"certificate_deployments": list(deployments) or [deployment()]}
    scan = {
        "certificate_info": {"status": "COMPLETED", "error_reason": None, "result": info},
        **{f"{name}_cipher_suites": probe() for name in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")},
        "tls_1_2_cipher_suites": probe(suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 128)),
        "tls_1_3_cipher_suites": probe(suite()),
        **commands,
    }
    location = {"hostname": "www.example.com", "port": 443, "ip_address": "192.0.2.1"}
    result = {"server_location": location, "connectivity_status": "COMPLETED", "scan_result": scan}
    return {"server_scan_results": [result], "date_scans_started": "2026-02-28T10:00:00Z"}


def read(value: Any, collector: TlsCollector | None = None) -> Collection:
    document = RawDocument("scan.json", json.dumps(value).encode())
    return (collector or TlsCollector()).collect([document], NOW)


def one(value: Any) -> dict[str, Any]:
    (row,) = read(value).rows
    jsonschema.validate(row, SCHEMA)
    return dict(row)


def test_a_whole_report_gives_a_whole_row() -> None:
    row = one(report())
    assert (row["weak_ciphers"], row["min_cipher_bits"]) == ([], 128)
    assert (row["hostname_match"], row["chain_trusted"]) == (True, True)
    assert (row["endpoint_id"], row["scanned_at"]) == ("www.example.com:443", "2026-02-28T10:00:00Z")
    assert read(report()).collected_at == datetime(2026, 2, 28, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "attempt",
    [
        {"status": "NOT_SCHEDULED", "error_reason": None, "result": None},
        {"status": "ERROR", "error_reason": "CONNECTIVITY_ISSUE", "result": None},
        {"status": "COMPLETED", "error_reason": None, "result": None},
        {"status": "completed", "result": {"is_tls_version_supported": False, "accepted_cipher_suites": []}},
        {"status": "COMPLETED", "result": {"is_tls_version_supported": False}},
        {"status": "COMPLETED", "result": {"is_tls_version_supported": False, "accepted_cipher_suites": [1]}},
        {"status": "COMPLETED", "result": {"is_tls_version_supported": True, "accepted_cipher_suites": []}},
        {"status": "COMPLETED", "result": {"is_tls_version_supported": 0, "accepted_cipher_suites": []}},
        None, 7, "x", [], {},
    ],
)  # fmt: skip
def test_a_probe_that_did_not_finish_is_unknown_and_never_not_offered(attempt: Any) -> None:
    """That nothing weak was found counts only when every protocol was tried."""
    collection = read(report(ssl_3_0_cipher_suites=attempt))
    row = collection.rows[0]
    assert (row["sslv3"], row["weak_ciphers"], row["min_cipher_bits"]) == ("unknown", None, None)
    assert any("sslv3 is unknown" in words for words in collection.warnings)


def test_a_weak_cipher_that_was_found_stands_beside_a_probe_that_failed() -> None:
    weak = probe(suite("TLS_RSA_WITH_RC4_128_MD5", 128), suite("TLS_RSA_EXPORT_WITH_DES40_CBC_SHA", 40))
    row = one(report(tls_1_0_cipher_suites=weak, ssl_2_0_cipher_suites=None))
    assert row["weak_ciphers"] == ["TLS_RSA_EXPORT_WITH_DES40_CBC_SHA", "TLS_RSA_WITH_RC4_128_MD5"]
    assert row["min_cipher_bits"] == 40


@pytest.mark.parametrize(
    ("name", "bits", "anonymous", "weak"),
    [
        ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", 168, False, True),
        ("TLS_RSA_WITH_NULL_SHA256", 0, False, True),
        ("TLS_ECDHE_RSA_WITH_NULL_SHA", 256, False, True),
        ("TLS_DH_anon_WITH_AES_256_GCM_SHA384", 256, True, True),
        ("TLS_DH_anon_WITH_AES_256_GCM_SHA384", 256, False, True),
        ("TLS_MADE_UP", 256, True, True),
        ("TLS_RSA_WITH_DES_CBC_SHA", 128, False, True),
        ("TLS_RSA_EXPORT1024_WITH_AES_128_CBC_SHA", 128, False, True),
        ("SSL_CK_RC2_128_CBC_WITH_MD5", 128, False, True),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", 112, False, True),
        ("TLS_CHACHA20_POLY1305_SHA256", 256, False, False),
        ("TLS_RSA_WITH_CAMELLIA_256_CBC_SHA", 256, False, False),
    ],
)
def test_weak_suites_are_named(name: str, bits: int, anonymous: bool, weak: bool) -> None:
    row = one(report(tls_1_2_cipher_suites=probe(suite(name, bits, anonymous))))
    assert row["weak_ciphers"] == ([name] if weak else [])


@pytest.mark.parametrize("bits", [None, "256", True, 1.5])
def test_a_suite_without_a_readable_length_leaves_the_shortest_unknown(bits: Any) -> None:
    row = one(report(tls_1_2_cipher_suites=probe(suite("TLS_X", bits))))
    assert (row["weak_ciphers"], row["min_cipher_bits"]) == (None, None)


def test_all_certificates_of_an_endpoint_count() -> None:
    """A server may use one certificate for RSA and another for ECDSA: the worse one decides."""
    short = deployment(not_valid_after="2026-03-05T00:00:00Z", not_valid_before="2026-02-05T00:00:00Z")
    other = deployment(subject_alternative_name={"dns_names": ["example.org"], "ip_addresses": []})
    row = one(report(deployment(), short, other))
    assert (row["cert_not_before"], row["cert_not_after"]) == ("2026-02-05T00:00:00Z", "2026-03-05T00:00:00Z")
    assert row["hostname_match"] is False


def results(*answers: Any, error: str = "no way to a root") -> list[dict[str, Any]]:
    return [{"was_validation_successful": answer, "validation_error": error} for answer in answers]


@pytest.mark.parametrize(
    ("validation", "names", "expected"),
    [
        (results(True, True), ["www.example.com"], True),
        (results(False, False), ["www.example.com"], False),
        (results(True, False), ["www.example.com"], None),
        ([], ["www.example.com"], None),
        (None, ["www.example.com"], None),
        (results(False, error="leaf certificate has no matching subjectAltName"), ["other.org"], None),
        (results(False, error="leaf certificate has no matching subjectAltName"), ["www.example.com"], False),
        (results(False), ["other.org"], False),
        (results(1, 1), ["www.example.com"], None),
    ],
)
def test_a_chain_is_trusted_when_every_store_says_so(
    validation: Any, names: list[str], expected: bool | None
) -> None:
    changed = deployment(subject_alternative_name={"dns_names": names, "ip_addresses": []})
    changed["path_validation_results"] = validation
    assert one(report(changed))["chain_trusted"] is expected


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("www.example.com", "WWW.EXAMPLE.COM.", True),
        ("*.example.com", "www.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.com", "example.com", False),
        ("w*.example.com", "www.example.com", False),
        ("*", "localhost", False),
        ("example.com.evil.org", "example.com", False),
    ],
)
def test_a_host_name_matches_as_a_whole(pattern: str, host: str, expected: bool) -> None:
    assert _name_matches(pattern, host) is expected


def test_an_address_matches_an_address_and_never_a_name() -> None:
    names = {"dns_names": ["2001:db8::1"], "ip_addresses": ["2001:0db8:0:0:0:0:0:2", "junk"]}
    for host, expected in (("2001:db8::1", False), ("2001:db8::2", True)):
        value = report(deployment(subject_alternative_name=names))
        value["server_scan_results"][0]["server_location"].update(hostname=host, ip_address=host)
        row = one(value)
        assert (row["endpoint_id"], row["hostname_match"]) == (f"[{host}]:443", expected)
        assert ipaddress.ip_address(row["ip"])


@pytest.mark.parametrize(
    "info",
    [
        None, {"status": "ERROR", "error_reason": "BUG_IN_SSLYZE", "result": None},
        {"status": "COMPLETED", "result": {"certificate_deployments": []}},
        {"status": "COMPLETED", "result": {"certificate_deployments": [{}]}},
        {"status": "COMPLETED", "result": {"certificate_deployments": [deployment(not_valid_after="soon")]}},
        {"status": "COMPLETED", "result": {"certificate_deployments": [deployment(), {}]}},
    ],
)  # fmt: skip
def test_an_endpoint_without_a_certificate_gives_no_row_and_is_named(info: Any) -> None:
    collection = read(report(certificate_info=info))
    assert collection.rows == ()
    assert "no certificate was read" in collection.missing[0]


def test_an_endpoint_that_did_not_answer_gives_no_row_and_is_named() -> None:
    value = report()
    value["server_scan_results"][0].update(connectivity_status="ERROR", scan_result=None)
    assert read(value).missing == ("www.example.com:443 at 192.0.2.1: no TLS connection could be made",)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "PC755"), (b"[]", "PC755"), (b"{}", "PC755"), (b"[" * 200_000, "PC755"), (b"\xff", "PC755"),
        (b'{"server_scan_results": [1]}', "PC755"), (b'{"server_scan_results": [{}]}', "PC755"),
        (b'{"server_scan_results": [], "date_scans_started": "soon"}', "PC755"),
        (json.dumps({"server_scan_results": report()["server_scan_results"] * 2}).encode(), "PC756"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused_with_a_place(data: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        TlsCollector().collect([RawDocument("scan.json", data)], NOW)
    assert [fault.code for fault in caught.value.faults] == [code]
    assert str(caught.value).startswith("scan.json")


def test_a_modulus_of_many_digits_is_no_obstacle() -> None:
    value = report(deployment(public_key={"rsa_n": "#"}))
    data = json.dumps(value).replace('"#"', "7" * 5000).encode()
    assert len(TlsCollector().collect([RawDocument("scan.json", data)], NOW).rows) == 1


def test_taking_endpoints_out_of_view_is_a_statement_and_not_an_observation() -> None:
    assert read(report(), TlsCollector(collects_sensitive=False)).attested
    assert not read(report(), TlsCollector(collects_sensitive=True)).attested


def test_a_report_with_a_proxy_password_is_not_kept(tmp_path: Path) -> None:
    value = report()
    proxy = {"hostname": "p", "port": 1, "basic_auth_user": "u", "basic_auth_password": "p4ss"}
    value["server_scan_results"][0]["server_location"]["http_proxy_settings"] = proxy
    path = tmp_path / "scan.json"
    path.write_text(json.dumps(value))
    done = run("--from", path, "--evidence", tmp_path / "e", "--organisation", "X")
    assert "raw input is not kept" in done.output
    assert not any("p4ss" in file.read_text() for file in (tmp_path / "e").rglob("*") if file.is_file())


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("host",), ("host:0",), ("host:65536",), (":443",), ("http://host:443",), ("::1:443",),
        ("[x]:443",), ("u@host:443",), ("host:443", "--collected-at", "2026-03-01T00:00:00Z"),
        ("--from", "missing.json"), ("--from", "missing.json", "--probe-http"), ("shop=", ), ("=host:443",),
        ("a=host:443", "b=HOST:443"), ("--from", "missing.json", "--endpoint-id", "host:443"),
    ],
)  # fmt: skip
def test_a_bad_argument_ends_with_two_and_without_a_traceback(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
