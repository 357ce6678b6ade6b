"""`policycheck collect`: run a collector and put its rows into an evidence folder.

Arguments, clock and exit codes only; the work is in `collectors/`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from policycheck.collectors.collection import MAX_JSON_BYTES, Collection, RawDocument, refuse
from policycheck.collectors.luks import LAYERS, UNLOCKS, LuksCollector
from policycheck.collectors.tls import TlsCollector
from policycheck.errors import PolicycheckError
from policycheck.source import Place

COLLECTOR_VERSION = "0.1.0"


@click.group()
def collect() -> None:
    """Turn the output of other tools into evidence."""


def _instant(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("write an instant such as 2026-03-01T06:00:00Z") from None
    if moment.tzinfo is None:
        raise click.BadParameter("the instant needs an offset, for instance `Z`")
    return moment.astimezone(UTC)


def _writing_options(evidence_id: str) -> Callable[[Any], Any]:
    """The options every collector has."""
    options = [
        click.option("--evidence", "folder", type=click.Path(path_type=Path), metavar="DIR",
                     help="Evidence folder to write to. Without it the rows go to standard output."),
        click.option("--evidence-id", default=evidence_id, show_default=True,
                     help="Id of the source in the manifest; a source of this id is replaced."),
        click.option("--source-system", help="What was looked at, for the manifest.", metavar="NAME"),
        click.option("--organisation", metavar="NAME", help="Begin a new folder or manifest for NAME."),
        click.option("--population-complete", is_flag=True,
                     help="State that the rows are all there is to see."),
        click.option("--collected-at", callback=_instant, metavar="INSTANT",
                     help="When the input was taken, with an offset."),
        click.option("--attach-raw/--no-attach-raw", default=None,
                     help="Keep raw input beside the rows [default: unless it may hold a secret]."),
    ]  # fmt: skip

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@collect.command()
@click.argument("files", nargs=-1, required=True, metavar="[RESOURCE=]FILE...")
@click.option("--resource", metavar="ID", help="Id of the resource, for a single FILE [default: its name].")
@click.option("--layer", type=click.Choice(LAYERS), default="volume", show_default=True,
              help="How much of the device the container covers.")  # fmt: skip
@click.option("--unlock", type=click.Choice(UNLOCKS),
              help="State how keyslots without a token are opened; no header shows it.")  # fmt: skip
@click.option("--user-bound/--not-user-bound", default=None,
              help="State whether a user account is enough to release the key.")  # fmt: skip
@_writing_options("luks")
def luks(
    *, files: tuple[str, ...], resource: str | None, layer: str, unlock: str | None, user_bound: bool | None,
    **writing: Any,
) -> None:  # fmt: skip
    """Read cryptsetup dumps: LUKS2 JSON metadata or the text of a LUKS1 header.

    Each FILE is one header. Its resource is RESOURCE, or the file's name without its ending.
    """
    with _faults_shown():
        if resource is not None and len(files) != 1:
            raise click.UsageError("--resource goes with one FILE; write RESOURCE=FILE for several")
        named = [_split(argument) for argument in files]
        documents = [_read(path, resource or label) for label, path in named]
        collector = LuksCollector(layer, unlock, user_bound)
        moment = writing["collected_at"] or _no_later_than([path for _, path in named], datetime.now(UTC))
        _finish(collector.collect(documents, moment), documents, collector.name, writing)


@collect.command()
@click.argument("endpoints", nargs=-1, metavar="[[WEBSITE=]HOST:PORT]...")
@click.option("--from", "files", multiple=True, metavar="FILE", help="JSON output of sslyze. Repeatable.")
@click.option("--endpoint-id", "names", multiple=True, metavar="WEBSITE=HOST:PORT",
              help="What the inventory calls an endpoint in a FILE. Repeatable.")  # fmt: skip
@click.option("--addresses", "family", type=click.Choice(["all", "ipv4", "ipv6"]), default="all",
              show_default=True, help="Which addresses of a host to scan.")  # fmt: skip
@click.option("--timeout", "timeout_s", type=click.IntRange(1, 120), default=5, show_default=True,
              help="Seconds to wait for an answer.")  # fmt: skip
@click.option("--probe-http", type=click.IntRange(1, 65535), is_flag=False, flag_value=80, metavar="[PORT]",
              help="Also ask each address for plain HTTP [port: 80].")  # fmt: skip
@click.option("--collects-sensitive/--collects-nothing-sensitive", default=None,
              help="State whether people enter or fetch sensitive data at these endpoints.")  # fmt: skip
@_writing_options("tls")
def tls(
    *, endpoints: tuple[str, ...], files: tuple[str, ...], names: tuple[str, ...], family: str,
    timeout_s: int, probe_http: int | None, collects_sensitive: bool | None, **writing: Any,
) -> None:  # fmt: skip
    """Scan TLS endpoints with sslyze, or read what sslyze wrote.

    WEBSITE is what the inventory (`resources`) calls the website. An endpoint without one stays HOST:PORT,
    and stands in no inventory.
    """
    with _faults_shown():
        if not endpoints and not files:
            raise click.UsageError("give HOST:PORT to scan, or --from FILE")
        if not all("=" in name for name in names):
            raise click.UsageError("--endpoint-id is WEBSITE=HOST:PORT")
        if writing["collected_at"] and endpoints:
            raise click.UsageError("--collected-at goes with --from; a live scan is taken now")
        if probe_http and not endpoints:
            raise click.UsageError("--probe-http goes with HOST:PORT; a file cannot be probed")
        now = datetime.now(UTC)
        documents = [_read(path, "") for path in files]
        plaintext: dict[tuple[str, str], str] = {}
        lost: list[str] = []
        known_as, wanted = _named_endpoints(endpoints, names)
        if endpoints:
            document, plaintext, lost = _scan(wanted, family, timeout_s, probe_http)
            documents += [document] if document else []
        collector = TlsCollector(collects_sensitive, plaintext, known_as)
        collection = collector.collect(documents, writing["collected_at"] or now)
        _finish(collection, documents, collector.name, writing, lost)


def _named_endpoints(endpoints: Sequence[str], names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """(the identifier of each endpoint that was given one, the endpoints to scan).

    Raises UsageError for two names of one endpoint, InputError PC753 for two endpoints of one name.
    """
    from policycheck.collectors import tls_scan

    known_as: dict[str, str] = {}
    wanted: list[str] = []
    for text in (*endpoints, *names):
        name, sign, rest = text.rpartition("=")
        endpoint = str(tls_scan.parse_endpoint(rest))
        if sign and (not name or known_as.get(endpoint.lower(), name) != name):
            raise click.UsageError(f"`{endpoint}` has two names, or an empty one")
        if sign:
            known_as[endpoint.lower()] = name
        wanted.append(endpoint)
    if len(set(known_as.values())) != len(known_as):
        hint = "enter each address that people use as a website of its own"
        raise refuse("PC753", "two endpoints would get one name", Place("collect tls"), hint)
    return known_as, wanted[: len(endpoints)]


def _scan(
    endpoints: Sequence[str], family: str, timeout_s: int, http_port: int | None
) -> tuple[RawDocument | None, dict[tuple[str, str], str], list[str]]:
    from policycheck.collectors import tls_scan

    wanted = list(dict.fromkeys(tls_scan.parse_endpoint(text) for text in endpoints))
    found = {endpoint: tls_scan.addresses(endpoint, family) for endpoint in wanted}
    lost = [f"{endpoint}: the name has no address" for endpoint, ips in found.items() if not ips]
    targets = [(endpoint, ip) for endpoint, ips in found.items() for ip in ips]
    if not targets:
        return None, {}, lost
    document = tls_scan.scan(targets, timeout_s, lambda: datetime.now(UTC), _say)
    plaintext = tls_scan.probe_plaintext(targets, http_port, timeout_s) if http_port else {}
    return document, plaintext, lost


# --- input and output -----------------------------------------------------------------------------


def _say(words: str) -> None:
    click.echo(words, err=True)


@contextmanager
def _faults_shown() -> Iterator[None]:
    try:
        yield
    except PolicycheckError as error:
        _say(str(error))
        sys.exit(2)


def _split(argument: str) -> tuple[str, str]:
    """RESOURCE and FILE of an argument; a file that exists under the whole name is the file."""
    label, sign, path = argument.partition("=")
    if not sign or not label or "/" in label or os.path.lexists(argument):
        return "", argument
    return label, path


def _read(path: str, label: str) -> RawDocument:
    try:
        with Path(path).open("rb") as stream:
            return RawDocument(path, stream.read(MAX_JSON_BYTES + 1), label)
    except OSError as error:
        words = f"cannot be read: {error.strerror}"
        raise refuse("PC750", words, Place(path), "check the name and the permissions") from error


def _no_later_than(paths: Sequence[str], now: datetime) -> datetime:
    """The older of now and the files: a dump says nothing about the time after it was written."""
    times = [Path(path).stat() for path in paths]
    regular = [datetime.fromtimestamp(int(item.st_mtime), UTC) for item in times if item.st_size]
    return min([now.replace(microsecond=0), *regular])


def _finish(
    collection: Collection, documents: Sequence[RawDocument], name: str, writing: dict[str, Any],
    lost: Sequence[str] = (),
) -> None:  # fmt: skip
    from msgspec.structs import replace

    from policycheck.collectors import writing as folder_writing

    collection = replace(collection, missing=(*collection.missing, *lost))
    for words in collection.warnings:
        _say(f"warning: {words}")
    for words in collection.missing:
        _say(f"warning: no row for {words}")
    if not collection.rows:
        hint = "mend what the warnings name, then collect again; nothing was written"
        raise refuse("PC759", "nothing usable was collected", Place(f"collect {name}"), hint)
    if writing["folder"] is None:
        click.echo(folder_writing.rows_text(collection), nl=False)
        return
    target = folder_writing.Target(
        writing["folder"], writing["evidence_id"], writing["source_system"] or name,
        f"policycheck-{name}", COLLECTOR_VERSION, writing["organisation"], writing["population_complete"],
    )  # fmt: skip
    raw = _raw_to_keep(collection, documents, writing["attach_raw"])
    written = folder_writing.write_collection(collection, raw, target)
    if writing["population_complete"] and not written.entry["population_complete"]:
        _say("warning: the population is not entered as complete, since something gave no row")
    before = f", in place of {written.replaced_rows} before" if written.replaced else ""
    _say(
        f"{target.evidence_id}: {len(collection.rows)} rows of {collection.table}, "
        f"collected {written.entry['collected_at']}{before}"
    )


def _raw_to_keep(
    collection: Collection, documents: Sequence[RawDocument], wanted: bool | None
) -> Sequence[RawDocument]:
    if wanted is None and collection.private:
        _say(f"warning: raw input is not kept: {collection.private[0]}; --attach-raw keeps it")
        return ()
    return () if wanted is False else documents
