"""A container runtime that answers every call of the CRI with an empty message: enough for a kubelet to go on.

Only as much of HTTP/2 and gRPC as that takes: what is asked is never read, and every request gets the same answer.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, END_HEADERS, ACKNOWLEDGED = 1, 4, 1


def _header(name: bytes, value: bytes) -> bytes:
    """A header as HPACK writes one that it doesn't keep (RFC 7541, 6.2.2)."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _answer(stream: int) -> bytes:
    """Status 200, one message without a byte, gRPC's own status 0."""
    begin = b"\x88" + _header(b"content-type", b"application/grpc")
    return (
        _frame(HEADERS, END_HEADERS, stream, begin)
        + _frame(DATA, 0, stream, b"\x00" * 5)
        + _frame(HEADERS, END_HEADERS | END_STREAM, stream, _header(b"grpc-status", b"0"))
    )


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        if self.rfile.read(len(PREFACE)) != PREFACE:
            return
        self.wfile.write(_frame(SETTINGS, 0, 0))
        while len(head := self.rfile.read(9)) == 9:
            length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
            payload = self.rfile.read(length)
            if kind == SETTINGS and not flags & ACKNOWLEDGED:
                self.wfile.write(_frame(SETTINGS, ACKNOWLEDGED, 0))
            elif kind == PING and not flags & ACKNOWLEDGED:
                self.wfile.write(_frame(PING, ACKNOWLEDGED, 0, payload))
            elif kind in (DATA, HEADERS) and flags & END_STREAM:
                self.wfile.write(_answer(stream))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A kubelet that ends in the middle of a call is no error here."""


class EmptyRuntime:
    """The runtime on a port of this machine; ``endpoint`` is what containerRuntimeEndpoint says."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.endpoint = f"tcp://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> EmptyRuntime:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
