"""Who may speak to a node, and how: Basic over TLS, NTLM, NTLM with message encryption.

NTLM belongs to a TCP connection, as in HTTP on Windows: one `Session` per connection. pyspnego does the protocol.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import struct
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import spnego
from spnego.exceptions import SpnegoError

from lab.errors import LabError

SEALED = "application/HTTP-SPNEGO-session-encrypted"
_BOUNDARY = b"--Encrypted Boundary"
# pyspnego's acceptor reads accounts from a file that it finds through the process's environment, and only while it
# takes a step; the lock lets every node of this process have accounts of its own.
_ACCOUNT_FILE_LOCK = threading.Lock()


class Rejected(Exception):
    """Authentication failed, or has another leg: the answer is 401 with these challenges."""

    def __init__(self, *challenges: str) -> None:
        super().__init__("401")
        self.challenges = challenges


class BadEncryption(Exception):
    """A sealed body that this connection cannot open: a real service answers 400."""


class Accounts:
    """A node's local accounts: name to password, names compared without case."""

    def __init__(self, passwords: dict[str, str], computer_name: str) -> None:
        for name, password in passwords.items():
            if ":" in name or ":" in password:
                raise LabError(f"account {name!r}: the acceptor's account file cannot hold a colon; choose another")
        self._passwords = {name.lower(): password for name, password in passwords.items()}
        self._computer_name = computer_name

    def accepts(self, name: str, password: str) -> bool:
        """Whether this is the account's password; a name may carry this computer's name or a dot before it."""
        domain, _separator, local = name.rpartition("\\")
        if domain and domain.lower() not in (".", self._computer_name.lower()):
            return False
        return self._passwords.get(local.lower()) == password

    @contextlib.contextmanager
    def offered(self) -> Iterator[None]:
        """Let pyspnego's acceptor find these accounts, and only these, for one step."""
        with _ACCOUNT_FILE_LOCK, tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "accounts"
            domains = ("", ".", self._computer_name)
            file.write_text(
                "\n".join(f"{domain}:{name}:{word}" for name, word in self._passwords.items() for domain in domains)
            )
            before = os.environ.get("NTLM_USER_FILE")
            os.environ["NTLM_USER_FILE"] = str(file)
            try:
                yield
            finally:
                if before is None:
                    del os.environ["NTLM_USER_FILE"]
                else:
                    os.environ["NTLM_USER_FILE"] = before


@dataclass
class Session:
    """What one TCP connection has proved about its client."""

    accounts: Accounts
    encrypted_transport: bool
    context: spnego.ContextProxy | None = None
    user: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def challenges(self) -> tuple[str, ...]:
        """What a 401 offers. Basic only over TLS: AllowUnencrypted is false."""
        return ("Negotiate", 'Basic realm="WSMAN"') if self.encrypted_transport else ("Negotiate",)

    def authenticate(self, authorization: str | None) -> str | None:
        """Judge a request's Authorization header; returns the WWW-Authenticate of a successful last leg, if any.

        Raises:
            Rejected: no, or not yet.
        """
        if not authorization:
            if self.user is None:
                raise Rejected(*self.challenges)
            return None
        scheme, _separator, credentials = authorization.partition(" ")
        if scheme.lower() == "basic" and self.encrypted_transport:
            return self._basic(credentials)
        if scheme.lower() in ("negotiate", "ntlm"):
            return self._negotiate(scheme, credentials)
        raise Rejected(*self.challenges)

    def _basic(self, credentials: str) -> None:
        try:
            name, _separator, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Rejected(*self.challenges) from None
        if not self.accounts.accepts(name, password):
            raise Rejected(*self.challenges)
        self.user = name

    def _negotiate(self, scheme: str, credentials: str) -> str | None:
        try:
            token = base64.b64decode(credentials, validate=True)
        except binascii.Error:
            raise Rejected(*self.challenges) from None
        raw_ntlm = token.startswith(b"NTLMSSP\x00")
        with self.lock, self.accounts.offered():
            try:
                if self.context is None or self.context.complete:
                    self.user = None
                    self.context = spnego.server(protocol="ntlm" if raw_ntlm else "negotiate")
                answer = self.context.step(token)
            except (SpnegoError, ValueError, struct.error):
                # A wrong password, an unknown account or garbage: a real service doesn't say which.
                self.context = None
                raise Rejected(*self.challenges) from None
        encoded = f"{scheme} {base64.b64encode(answer).decode()}" if answer else None
        if not self.context.complete:
            raise Rejected(encoded or scheme)
        self.user = self.context.client_principal or "authenticated"
        return encoded

    def open(self, body: bytes, content_type: str) -> tuple[bytes, bool]:
        """The plain message of a body, and whether it was sealed.

        Raises:
            BadEncryption: sealed by another connection, or broken.
            Rejected: plain on a transport without TLS (AllowUnencrypted is false).
        """
        if not content_type.lower().startswith("multipart/encrypted"):
            if body and not self.encrypted_transport:
                raise Rejected(*self.challenges)
            return body, False
        parts = body.split(_BOUNDARY)
        marker = b"Content-Type: application/octet-stream\r\n"
        start = body.find(marker)
        if self.context is None or len(parts) < 3 or start < 0:
            raise BadEncryption("a sealed body without a security context")
        sealed = body[start + len(marker) :].removesuffix(_BOUNDARY + b"--\r\n")
        try:
            header_length = struct.unpack("<i", sealed[:4])[0]
            header, data = sealed[4 : 4 + header_length], sealed[4 + header_length :]
            message = self.context.unwrap_winrm(header, data)
        except (SpnegoError, ValueError, struct.error) as exc:
            raise BadEncryption(str(exc)) from exc
        declared = re.search(rb"OriginalContent: [^\r\n]*Length=(\d+)", body[:start])
        if declared is None or int(declared[1]) != len(message):
            raise BadEncryption("the declared length is not the message's")
        return message, True

    def seal(self, message: bytes) -> tuple[bytes, str]:
        """A sealed body and its content type."""
        wrapped = self.context.wrap_winrm(message)
        body = b"".join(
            (
                _BOUNDARY + b"\r\n",
                b"\tContent-Type: " + SEALED.encode() + b"\r\n",
                b"\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=%d\r\n" % len(message),
                _BOUNDARY + b"\r\n",
                b"\tContent-Type: application/octet-stream\r\n",
                struct.pack("<i", len(wrapped.header)) + wrapped.header + wrapped.data,
                _BOUNDARY + b"--\r\n",
            )
        )
        return body, f'multipart/encrypted;protocol="{SEALED}";boundary="Encrypted Boundary"'
