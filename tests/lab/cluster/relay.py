"""The way from the API server to kubelets: a CONNECT relay on a Unix socket.

A node reports the machine's own address, because a kubelet refuses a loopback ``--node-ip``, but its kubelet listens
on loopback only. The API server's egress selector (kubernetes.io, "Set up Konnectivity service") sends what it would
dial to a node here instead, and the relay dials the loopback address that the node's port stands for.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import yaml

from lab.background import BackgroundLoop
from lab.network import LOOPBACK

MAXIMUM_REQUEST = 8192


class Relay:
    """Attributes: ``routes`` maps a kubelet's port to its loopback address; ports not in it are at 127.0.0.1."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.routes: dict[int, str] = {}
        self._background: BackgroundLoop | None = None

    def start(self) -> None:
        self._background = BackgroundLoop("kubelet-relay")
        self._background.run(self._listen())

    def stop(self) -> None:
        if self._background:
            self._background.stop()
            self._background = None
        self.socket.unlink(missing_ok=True)

    def write_configuration(self, path: Path) -> Path:
        """The file for kube-apiserver's ``--egress-selector-config-file``."""
        connection = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(self.socket)}}}
        content = {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": "cluster", "connection": connection}],
        }
        path.write_text(yaml.safe_dump(content))
        return path

    async def _listen(self) -> None:
        await asyncio.start_unix_server(self._serve, str(self.socket), limit=MAXIMUM_REQUEST)
        self.socket.chmod(0o600)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                # One fixed request from one known client ("CONNECT host:port HTTP/1.1", then headers that mean
                # nothing here); HTTP servers don't hand over the raw connection after CONNECT.
                request = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = request.split(b"\r\n", 1)[0].decode("ascii").split(" ")
                port = int(target.rpartition(":")[2])
                if method != "CONNECT":
                    raise ValueError(method)
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            try:
                kubelet = await asyncio.open_connection(self.routes.get(port, LOOPBACK), port)
            except OSError as error:
                writer.write(f"HTTP/1.1 502 no kubelet at port {port}: {error.strerror}\r\n\r\n".encode())
                return
            with contextlib.closing(kubelet[1]):
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                await asyncio.gather(_copy(reader, kubelet[1]), _copy(kubelet[0], writer))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copy until the source ends, then tell the target so; the other direction goes on."""
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if target.can_write_eof():
            target.write_eof()
