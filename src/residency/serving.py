"""The verb that serves models: an OpenAI-compatible API and a web workspace on one machine, for those who are let in.

What does not go together is told before a model is loaded; the address is printed once the service answers.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import re
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency import examine
from residency.arguments import whole, words
from residency.core.errors import UserError
from residency.core.legal import Range
from residency.core.progress import say

if TYPE_CHECKING:
    from residency.serve.service import Service
    from residency.serve.settings import Settings

Answer = tuple[Any, str]
PORT, SLOTS, TOKENS, WAITING = (Range(least=0, most=65535), Range(least=1, most=256), Range(least=256), Range(least=1))
HUNG = Range(least=5, most=86_400)
HOST = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
MOST_LOOKED_AT = 100_000
"""Entries of a record that are checked at start: two seconds' worth."""
CAUTION = "Answers are drafts of an experimental model: a clinician decides."


def serve(args: argparse.Namespace) -> Answer:
    """Serve models until stopped (Ctrl-C)."""
    settings = settings_of(args)
    signal.signal(signal.SIGTERM, _stop)  # as Ctrl-C: what is open is closed, in order
    listening = _listen(settings)
    from residency.serve.app import create, open_service

    _ready_taggers()
    service = open_service(settings, [examine.model_name(name) for name in args.models])
    try:
        _look_at_record(service)
        from residency.serve.access.first import first_key

        first, url = first_key(service.access), _url(settings, listening)
        _announce(args, url, list(service.engines), first)
        _run(create(service), settings, listening)
    except KeyboardInterrupt:  # asked to stop: nothing went wrong
        print("stopped", file=sys.stderr)
    finally:
        service.close()
    return {"stopped": True}, ""


def _look_at_record(service: Service) -> None:
    """Say loudly where the record is not as it was written; of a long one that is left to ``residency log verify``."""
    from sqlalchemy import func, select

    from residency.serve.agreed import disagreeing
    from residency.serve.record.head import FILE
    from residency.serve.record.verify import verify
    from residency.serve.store.tables import RECORD

    with service.database.connect() as connection:
        count = int(connection.execute(select(func.count()).select_from(RECORD)).scalar_one())
    if count > MOST_LOOKED_AT:
        return
    report = verify(service.database, service.seal, service.settings.folder / FILE)
    if not report.ok:
        where = f"entry {report.first_bad}" if report.first_bad is not None else "its head"
        say(f"THE RECORD IS NOT AS IT WAS WRITTEN, first at {where}: see `residency log verify`. It goes on from here")
    if wrong := disagreeing(service):
        say(f"WHAT THE TABLES HOLD IS NOT WHAT THE RECORD SAYS ({wrong[0]}): see `residency log verify`")


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


def _ready_taggers() -> None:
    """Train what finds names in answers, where that was not done yet on this machine: once, and kept."""
    try:
        from residency.corpus.identify.trained import is_kept, trained
    except ImportError:
        say("identifiers in answers are not looked for: pip install 'residency[deidentify]'")
        return
    for language in ("en", "es"):
        if not is_kept(language):
            say(f"training what finds names in answers ({language}), once: about a minute")
            trained(language)


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings of a service; UserError where they would put patients' texts on an open wire."""
    from residency.serve.settings import LOOPBACK, Settings

    if bool(args.certificate) != bool(args.private_key):
        raise UserError("--certificate and --private-key go together: both, or neither")
    for name in ("certificate", "private_key"):
        path = getattr(args, name)
        if path and not Path(path).is_file():
            raise UserError(f"--{name.replace('_', '-')} {path} is no file")
    if args.certificate:
        _check_tls(args.certificate, args.private_key)
    if args.host not in LOOPBACK and not args.certificate and not args.proxy:
        raise UserError(
            f"--host {args.host} can be reached by others, and what they send could be read on the way. Give a "
            "certificate (--certificate FILE --private-key FILE), say that a proxy before it ends TLS (--proxy), or "
            "leave --host out"
        )
    _known_places(args)
    return Settings(
        folder=Path(args.folder),
        database=args.database or "",
        host=args.host,
        port=args.port,
        certificate=Path(args.certificate) if args.certificate else None,
        private_key=Path(args.private_key) if args.private_key else None,
        proxy=bool(args.proxy),
        proxy_address=args.proxy or "",
        keep_text=args.keep_text,
        parallel=args.parallel,
        context=args.context,
        queue=args.queue,
        hung=args.hung,
        share_prefix=args.share_prefix,
        names=tuple(args.names or ()),
        language=args.language,
        sources=tuple(Path(one) for one in args.sources or ()),
        graph=args.graph or "",
        rules=Path(args.rules) if args.rules else None,
        emergency=args.emergency or "",
        crisis=args.crisis or "",
    )


def _check_tls(certificate: str, key: str) -> None:
    """Raise UserError where a certificate and its key cannot be used, before a model is loaded for nothing."""
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        apart = "they do not belong together" if "MISMATCH" in str(error) else "one is no PEM file, or has a password"
        said = f"--certificate {certificate} and --private-key {key} cannot be used: {apart}"
        raise UserError(said) from None
    except OSError as error:
        raise UserError(f"--certificate or --private-key cannot be read ({error.strerror})") from None


def _known_places(args: argparse.Namespace) -> None:
    """Raise UserError where a name is no host's, or a proxy's address is none: they would let nobody in, or anyone."""
    for name in args.names or ():
        if not HOST.fullmatch(name):
            raise UserError(f"--name {name}: a host name is expected, such as ward.example or *.clinic.example")
    for place in (args.proxy or "").split(",") if args.proxy else ():
        try:
            ipaddress.ip_network(place.strip(), strict=False)
        except ValueError:
            raise UserError(f"--proxy {place}: the address of the proxy is expected, such as 10.0.0.2") from None


def _listen(settings: Settings) -> socket.socket:
    """Return the socket to listen at; UserError where it is taken, before a model is loaded for nothing."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((settings.host, settings.port))
        found.listen(2048)  # whoever reads the address may come at once
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise UserError(f"cannot listen at {settings.host}:{settings.port} ({why}): give another --port") from None
    return found


def _url(settings: Settings, listening: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.certificate else 'http'}://{host}:{listening.getsockname()[1]}"


def _announce(args: argparse.Namespace, url: str, models: list[str], first: tuple[str, str] | None) -> None:
    """Say where the service is, and at the first start the administrator's one-time key, which is shown here alone."""
    if args.json:
        made = {"administrator": first[0], "one_time_key": first[1]} if first else {}
        print(json.dumps({"url": url, "models": models, **made}), flush=True)
        return
    say(CAUTION)
    if first:
        print(f"First start. Sign in at {url}/login as {first[0]} with this one-time key, and choose a password:\n")
        print(f"    {first[1]}\n")
    print(f"Serving {', '.join(models)} at {url} (API: {url}/v1). Ctrl-C stops it.", flush=True)


def _run(app: Any, settings: Settings, listening: socket.socket) -> None:
    import uvicorn

    from residency.serve.api.server import SECONDS, Server

    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=settings.proxy,
        forwarded_allow_ips=settings.proxy_address if settings.proxy else None,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.private_key,
        timeout_graceful_shutdown=SECONDS,
        timeout_keep_alive=30,
    )
    try:
        Server(config, app.state.service.flow.stop).run(sockets=[listening])
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add what is served, where, and how much at once."""
    text = "models, the first by default: runs/latest (its GGUF where it has one), a folder, a .gguf, http(s)://…/v1"
    one.add_argument("models", type=words, nargs="+", metavar="MODEL", help=text)
    text = "where the service keeps its users, keys, record and drafts (default: service)"
    one.add_argument("--folder", type=words, default="service", metavar="DIR", help=text)
    text = "a database in place of the folder's own SQLite file: postgresql+psycopg://USER:PASSWORD@HOST/NAME"
    one.add_argument("--database", type=words, metavar="URL", help=text)
    text = "the address to listen at (default: 127.0.0.1, this machine alone); any other needs TLS or --proxy"
    one.add_argument("--host", type=words, default="127.0.0.1", metavar="ADDRESS", help=text)
    text = "the port, 0 for a free one (default: 8000)"
    one.add_argument("--port", type=whole(PORT), default=8000, metavar="N", help=text)
    one.add_argument("--certificate", type=words, metavar="FILE", help="serve by TLS with this certificate (PEM)")
    one.add_argument("--private-key", type=words, metavar="FILE", help="the certificate's private key (PEM)")
    text = "a proxy at this address (default: 127.0.0.1) ends TLS before the service, and says who asks"
    one.add_argument("--proxy", nargs="?", const="127.0.0.1", type=words, metavar="ADDRESS", help=text)
    text = (
        "a host name that the service is called by, such as ward.example (behind a proxy: no other then); may be given"
    )
    one.add_argument("--name", action="append", dest="names", type=words, metavar="HOST", help=f"{text} again")
    text = "keep questions and answers in the record, encrypted (default: keyed hashes of them alone)"
    one.add_argument("--keep-text", action="store_true", help=text)
    text = f"requests worked on at once, {SLOTS.legal} (default: 4)"
    one.add_argument("--parallel", type=whole(SLOTS), default=4, metavar="N", help=text)
    text = f"tokens of a question and its answer, {TOKENS.legal} (default: 4096; memory grows with it)"
    one.add_argument("--context", type=whole(TOKENS), default=4096, metavar="N", help=text)
    text = f"requests that may wait, {WAITING.legal} (default: 64); the next are told to come back"
    one.add_argument("--queue", type=whole(WAITING), default=64, metavar="N", help=text)
    text = f"seconds without a sign of work until a model is started again, {HUNG.legal} (default: 300)"
    one.add_argument("--hung", type=whole(HUNG), default=300, metavar="N", help=text)
    text = "read what prompts have in common once for all users: faster, but one can tell what others have asked"
    one.add_argument("--share-prefix", action="store_true", help=text)
    text = "an index of passages that cited answers stand on (residency index build); may be given again"
    one.add_argument("--sources", action="append", type=words, metavar="INDEX", help=text)
    text = "a knowledge graph that answers and codes stand on: a folder (residency graph load), or hpo (the default)"
    one.add_argument("--graph", nargs="?", const="hpo", type=words, metavar="GRAPH", help=text)
    text = "a folder of your own rules for the guard, beside ours (see: serve/guard/rules)"
    one.add_argument("--rules", type=words, metavar="DIR", help=text)
    text = "what to call here in an emergency (default: 112, 911 or 999)"
    one.add_argument("--emergency", type=words, metavar="NUMBER", help=text)
    one.add_argument("--crisis", type=words, metavar="NUMBER", help="the crisis line here (default: 988, 116 123, 024)")
    text = "the language of pages for those who have not chosen one: en (default) or es"
    one.add_argument("--language", choices=["en", "es"], default="en", metavar="CODE", help=text)
