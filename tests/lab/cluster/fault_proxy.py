"""A proxy before the API server that lets calls go wrong: what clients make of it is then to be seen.

It ends TLS, so a client proves itself by a token, which passes through as it is; the proxy has no credentials of its
own. Answers stream, so watches work. Statuses and their texts are the API server's own (k8s.io/apimachinery,
pkg/api/errors/errors.go; Retry-After of its priority and fairness filter is one second).
"""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from lab.background import BackgroundLoop
from lab.cluster import bootstrap, kubeconfig
from lab.cluster.cluster import ClusterInterface
from lab.errors import LabError, NotModelled
from lab.faults import Fault, Faults
from lab.lifecycle import Startable
from lab.network import LOOPBACK

# RFC 9110, section 7.6.1: of one connection, so not to be passed on; and what aiohttp writes itself.
HOP_BY_HOP = frozenset(
    {"connection", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)


@dataclass(frozen=True)
class Call:
    """One request and the status that the client was answered; None when it was answered none."""

    method: str
    path: str
    status: int | None


class FaultProxy(Startable):
    """Stands before a cluster's API server.

    Args:
        directory: where its kubeconfig goes.

    Attributes:
        faults: what goes wrong (lab.faults.API_FAULTS); a target is a part of "METHOD path?query".
        calls: every request, in the order in which they were answered or dropped.
        kubeconfig: an administrator's, with the proxy in the API server's place.
    """

    def __init__(self, cluster: ClusterInterface, directory: Path, faults: Faults | None = None) -> None:
        if cluster.serving is None:
            raise LabError(
                f"The API server {cluster.api_url} is not the laboratory's own, so nothing can serve in its place: "
                "faults of the API need a control plane of the laboratory (unset LAB_KUBECONFIG)."
            )
        self.faults = faults or Faults()
        self.calls: list[Call] = []
        self.kubeconfig = directory / "faults.kubeconfig"
        self.api_url = ""
        self._cluster = cluster
        self._administrator = f"kubewin-lab-faults-{uuid.uuid4().hex[:8]}"
        self._background: BackgroundLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        self._background = BackgroundLoop("api-faults")
        try:
            self._background.run(self._listen())
            with self._cluster.api() as api:
                token = bootstrap.create_administrator(api, self._administrator)
        except BaseException:
            self._close()
            raise
        endpoint = kubeconfig.Endpoint(self.api_url, self._cluster.ca_pem)
        kubeconfig.write(self.kubeconfig, endpoint, self._administrator, token)

    def stop(self) -> None:
        if self._background:
            self._close()
            with self._cluster.api() as api:
                bootstrap.delete_administrator(api, self._administrator)

    def _close(self) -> None:
        self._background.run(self._stop_listening())
        self._background.stop()
        self._background = None

    async def _listen(self) -> None:
        trust = ssl.create_default_context(cadata=self._cluster.ca_pem)
        # Encoded answers stay as they are; a watch lasts.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        application = web.Application(client_max_size=0)
        application.router.add_route("*", "/{path:.*}", self._answer)
        # A client that leaves ends its watch at the API server too.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(self._cluster.serving.certificate, self._cluster.serving.key)
        await web.TCPSite(self._runner, LOOPBACK, 0, ssl_context=serving).start()
        self.api_url = f"https://{LOOPBACK}:{self._runner.addresses[0][1]}"

    async def _stop_listening(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        if self._session:
            await self._session.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        target = f"{request.method} {request.raw_path}"
        if self.faults.take("api_drop_request", target):
            self._record(request, None)
            request.transport.abort()
            return web.Response()
        if self.faults.take("api_silent", target):
            self._record(request, None)
            await asyncio.Event().wait()  # until the client leaves
        for kind, status_of in _STATUSES.items():
            if fault := self.faults.take(kind, target):
                return self._say(request, status_of(fault, request))
        if "Upgrade" in request.headers:  # exec, attach, port-forward
            return self._say(request, _status(HTTPStatus.NOT_IMPLEMENTED, "", str(NotModelled("an upgrade"))))
        return await self._forward(request, cut=self.faults.take("api_drop_answer", target) is not None)

    async def _forward(self, request: web.Request, cut: bool) -> web.StreamResponse:
        async with self._session.request(
            request.method,
            URL(self._cluster.api_url + request.raw_path, encoded=True),
            headers=_end_to_end(request.headers),
            data=request.content if request.can_read_body else None,
            allow_redirects=False,
        ) as reply:
            self._record(request, reply.status)
            response = web.StreamResponse(status=reply.status, reason=reply.reason, headers=_end_to_end(reply.headers))
            await response.prepare(request)
            async for part in reply.content.iter_any():
                if cut:
                    await response.write(part[: len(part) // 2])
                    request.transport.abort()
                    return response
                await response.write(part)
            await response.write_eof()
            return response

    def _say(self, request: web.Request, response: web.Response) -> web.Response:
        self._record(request, response.status)
        return response

    def _record(self, request: web.Request, status: int | None) -> None:
        self.calls.append(Call(request.method, request.raw_path, status))


def _end_to_end(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP]


def _status(
    code: HTTPStatus, reason: str, message: str, headers: dict[str, str] | None = None, **details: object
) -> web.Response:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        **({"details": details} if details else {}),
        "code": code.value,
    }
    return web.json_response(body, status=code, headers=headers)


def _token_expired(fault: Fault, request: web.Request) -> web.Response:
    return _status(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def _conflict(fault: Fault, request: web.Request) -> web.Response:
    name = request.path.rpartition("/")[2]
    message = (
        f'Operation cannot be fulfilled on "{name}": the object has been modified; please apply your changes to the '
        "latest version and try again"
    )
    return _status(HTTPStatus.CONFLICT, "Conflict", message, name=name)


def _busy(fault: Fault, request: web.Request) -> web.Response:
    message = "too many requests, please try again later"
    wait = {"Retry-After": str(fault.retry_after)}
    return _status(HTTPStatus.TOO_MANY_REQUESTS, "TooManyRequests", message, wait, retryAfterSeconds=fault.retry_after)


def _error(fault: Fault, request: web.Request) -> web.Response:
    message = "Internal error occurred: the laboratory was asked to fail this call"
    return _status(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", message)


_STATUSES: dict[str, Callable[[Fault, web.Request], web.Response]] = {
    "api_token_expired": _token_expired,
    "api_conflict": _conflict,
    "api_busy": _busy,
    "api_error": _error,
}
