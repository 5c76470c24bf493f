"""A node's WinRM service: HTTP with message encryption, HTTPS with a certificate, down while the node is down."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiohttp import web

from lab.errors import LabError
from lab.faults import Faults
from lab.host.interface import Host
from lab.modules.table import ModuleTable
from lab.wire import envelope
from lab.wire.authentication import Accounts, BadEncryption, Rejected, Session
from lab.wire.commands import CommandRunner
from lab.wire.enumeration import ENUMERATION_ACTION, EnumerationService
from lab.wire.psrp import POWERSHELL, PowerShellService
from lab.wire.shell import CMD_SHELL, Command, ShellService

logger = logging.getLogger(__name__)

_SOAP = "application/soap+xml;charset=UTF-8"
# How soon a node's going down or coming up shows on its ports.
_POWER_POLL_SECONDS = 0.05
_LARGEST_REQUEST = 64 * 1024 * 1024


class EventLoop:
    """One thread with an event loop, and a pool of threads for module work; every node of a process shares them."""

    def __init__(self, workers: int = 32) -> None:
        self.loop = asyncio.new_event_loop()
        self.executor = ThreadPoolExecutor(workers, thread_name_prefix="winrm-work")
        self._thread = threading.Thread(target=self.loop.run_forever, name="winrm", daemon=True)
        self._thread.start()

    def call(self, coroutine: Any, timeout: float = 30.0) -> Any:
        """Run a coroutine in the loop's thread and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)


_shared: EventLoop | None = None
_shared_lock = threading.Lock()


def shared_loop() -> EventLoop:
    """The process's loop, started on first use."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = EventLoop()
        return _shared


class WinRMServer:
    """WinRM of one node on one address.

    Args:
        host: the node.
        address: the node's own address, for example 127.0.2.1.
        http_port: 0 for a free one; after `start` the attribute says which. The same for https_port.
        certificate, key: PEM files of the HTTPS listener.
        accounts: name to password of those who may log on (all are administrators).
        modules: the modules that the node knows.
        faults: what goes wrong, if anything.

    Attributes:
        executions: a dict for each module run: {fqcn, check_mode, changed, failed, bytes_in, bytes_out, requests,
            started}.
        helpers: the same for ansible-core's own scripts.
        requests: every HTTP request answered.
        connections: TCP connections that asked for something.
        verbs: how often each WS-Management verb was asked for (Create, Delete, Enumerate, ...).
    """

    def __init__(
        self,
        host: Host,
        address: str,
        http_port: int = 0,
        https_port: int = 0,
        certificate: Path | None = None,
        key: Path | None = None,
        accounts: dict[str, str] | None = None,
        modules: ModuleTable | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.host = host
        self.address = address
        self.http_port = http_port
        self.https_port = https_port
        self.faults = faults or Faults()
        self.requests = 0
        self.connections = 0
        self.verbs: Counter[str] = Counter()
        self._accounts = Accounts(accounts or {}, host.identity.computer_name)
        self._tls = _tls_context(certificate, key) if certificate and key else None
        self._events = shared_loop()
        self._runner = CommandRunner(host, modules or ModuleTable(), self.faults)
        self._shells = ShellService(self._runner.run, self._events.executor)
        self._powershell = PowerShellService(self._runner.run, self._events.executor)
        self._enumerations = EnumerationService(host, self.faults, self._events.executor)
        self._sessions: weakref.WeakKeyDictionary[asyncio.Transport, Session] = weakref.WeakKeyDictionary()
        self._site_runner: web.ServerRunner | None = None
        self._sites: list[web.TCPSite] = []
        self._watch: asyncio.Task[None] | None = None

    @property
    def executions(self) -> list[dict[str, Any]]:
        """The modules that ran, oldest first."""
        return self._runner.executions

    @property
    def helpers(self) -> list[dict[str, Any]]:
        """ansible-core's own scripts and raw commands that ran, oldest first."""
        return self._runner.helpers

    @property
    def open_queries(self) -> int:
        """WMI queries with rows left that nobody pulled or released."""
        return self._enumerations.open_queries

    def start(self) -> None:
        """Listen, and keep listening whenever the node is up."""
        self._events.call(self._start())

    def stop(self) -> None:
        """Close the ports and every connection."""
        self._events.call(self._stop())

    def __enter__(self) -> WinRMServer:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    async def _start(self) -> None:
        self._site_runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)
        await self._site_runner.setup()
        await self._listen()
        self._watch = asyncio.create_task(self._follow_power())

    async def _stop(self) -> None:
        if self._watch:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        await self._refuse()
        if self._site_runner:
            await self._site_runner.cleanup()

    async def _listen(self) -> None:
        self.http_port = await self._bind(self.http_port, None)
        if self._tls:
            self.https_port = await self._bind(self.https_port, self._tls)

    async def _bind(self, port: int, tls: ssl.SSLContext | None) -> int:
        site = web.TCPSite(self._site_runner, self.address, port, ssl_context=tls, reuse_address=True)
        try:
            await site.start()
        except OSError as exc:
            raise LabError(
                f"WinRM of {self.host.identity.computer_name} cannot listen on {self.address}: {exc}"
            ) from exc
        self._sites.append(site)
        return site._server.sockets[0].getsockname()[1]

    async def _refuse(self) -> None:
        """Close the ports and drop every connection, as a machine that lost power."""
        for site in self._sites:
            await site.stop()
        self._sites.clear()
        for transport in list(self._sessions):
            transport.abort()
        self._runner.forget()
        self._shells.forget()
        self._powershell.forget()
        self._enumerations.forget()

    async def _follow_power(self) -> None:
        while True:
            await asyncio.sleep(_POWER_POLL_SECONDS)
            up = self.host.is_up()
            if self._sites and not up:
                await self._refuse()
            elif up and not self._sites:
                try:
                    await self._listen()
                except LabError:
                    logger.exception("WinRM did not come back; trying again")

    def _session(self, transport: asyncio.Transport) -> Session:
        if transport not in self._sessions:
            encrypted = transport.get_extra_info("ssl_object") is not None
            self._sessions[transport] = Session(self._accounts, encrypted)
            self.connections += 1
        return self._sessions[transport]

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One HTTP request: authenticate, open, answer, seal."""
        if request.transport is None or not self._sites:
            _abort(request)
            return web.Response(status=503)
        self.requests += 1
        session = self._session(request.transport)
        body = await _read(request)
        if request.path != "/wsman":
            return web.Response(status=404)
        if _is_anonymous_identify(request, body):
            return web.Response(body=envelope.identify_reply(self._version()), headers={"Content-Type": _SOAP})
        try:
            token = await self._in_thread(session.authenticate, request.headers.get("Authorization"))
            message, sealed = session.open(body, request.headers.get("Content-Type", ""))
        except Rejected as rejected:
            return _unauthorized(rejected.challenges)
        except BadEncryption as exc:
            logger.info("%s refused a sealed body: %s", self.host.identity.computer_name, exc)
            return web.Response(status=400)
        headers = {"WWW-Authenticate": token} if token else {}
        if not message:
            return web.Response(status=200, headers=headers)
        return await self._reply(request, session, message, sealed, headers, len(body))

    async def _reply(
        self,
        request: web.BaseRequest,
        session: Session,
        message: bytes,
        sealed: bool,
        headers: dict[str, str],
        size: int,
    ) -> web.StreamResponse:
        try:
            parsed = envelope.parse(message)
        except envelope.WsmanFault as fault:
            return web.Response(status=500, body=envelope.fault_reply(fault, None), headers={"Content-Type": _SOAP})
        verb = parsed.verb
        self.verbs[verb] += 1
        if self.faults.take("unauthorized", verb):
            return _unauthorized(session.challenges)
        status, text, command = await self._answer_message(parsed)
        if sealed:
            text, headers["Content-Type"] = session.seal(text)
        else:
            headers["Content-Type"] = _SOAP
        if command:
            command.record["requests"] += 1
            command.record["bytes_in"] += size
            command.record["bytes_out"] += len(text)
        if slow := self.faults.take("slow", verb):
            await asyncio.sleep((size + len(text)) / slow.bytes_per_second)
        if self.faults.take("drop_body", verb):
            return await _drop_half_way(request, status, headers, text)
        if not self._sites:
            _abort(request)
        return web.Response(status=status, body=text, headers=headers)

    async def _answer_message(self, parsed: envelope.Request) -> tuple[int, bytes, Command | None]:
        """HTTP status and plain text of the reply to a plain message, and the command it was about."""
        try:
            if parsed.body.find("wsmid:Identify", envelope.NAMESPACES) is not None:
                return 200, envelope.identify_reply(self._version()), None
            if parsed.action.startswith(ENUMERATION_ACTION):
                return 200, await self._enumerations.answer(parsed), None
            service = self._powershell if parsed.resource_uri.startswith(POWERSHELL) else self._shells
            if service is self._shells and parsed.resource_uri != CMD_SHELL:
                raise envelope.not_modelled_fault(f"the WS-Management resource {parsed.resource_uri!r}")
            text, command = await service.answer(parsed)
            return 200, text, command
        except envelope.WsmanFault as fault:
            return 500, envelope.fault_reply(fault, parsed), None

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        return await self._events.loop.run_in_executor(self._events.executor, function, *arguments)

    def _version(self) -> str:
        return f"10.0.{self.host.identity.build}"


def _tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as exc:
        raise LabError(f"WinRM's certificate {certificate} with key {key} cannot be used: {exc}") from exc
    return context


def _is_anonymous_identify(request: web.BaseRequest, body: bytes) -> bool:
    """Identify needs no logon when the client says that it is unauthenticated."""
    return request.headers.get("WSMANIDENTIFY", "").lower() == "unauthenticated" and b"Identify" in body


async def _read(request: web.BaseRequest) -> bytes:
    """The whole body; a low-level server has no limit of its own."""
    body = bytearray()
    async for part in request.content.iter_any():
        body += part
        if len(body) > _LARGEST_REQUEST:
            raise web.HTTPRequestEntityTooLarge(_LARGEST_REQUEST, len(body))
    return bytes(body)


def _unauthorized(challenges: tuple[str, ...]) -> web.Response:
    response = web.Response(status=401)
    for challenge in challenges:
        response.headers.add("WWW-Authenticate", challenge)
    return response


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _drop_half_way(
    request: web.BaseRequest, status: int, headers: dict[str, str], text: bytes
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(text))})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        await response.write(text[: len(text) // 2])
    _abort(request)
    return response
