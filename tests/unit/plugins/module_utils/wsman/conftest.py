# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replies in the shapes that recorded Windows replies have (wsman-facts section 2), and a service that gives them."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

URI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/Win32_NamedJobObject"
# Two services, two habits: the class namespace is bound to p in both, once beside the header's own p.
PREFIXES = {
    "windows": {"s": "s", "a": "a", "n": "n", "w": "w", "p": "p"},
    "other": {"s": "env", "a": "wsa", "n": "wsen", "w": "wsman", "p": "m"},
}
NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "p": URI,
}


def envelope(body: str, style: str = "windows") -> bytes:
    """Return an envelope; the body is written with the Windows prefixes and rewritten for another style."""
    text = (
        f"<s:Envelope XMLNS><s:Header><a:Action>x</a:Action><a:RelatesTo>uuid:1</a:RelatesTo></s:Header>"
        f"<s:Body>{body}</s:Body></s:Envelope>"
    )
    prefixes = PREFIXES[style]
    text = re.sub(r"(</?)([sanwp]):", lambda match: f"{match[1]}{prefixes[match[2]]}:", text)
    declared = " ".join(f'xmlns:{prefixes[key]}="{uri}"' for key, uri in NAMESPACES.items())
    declared += ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    declared += ' xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common"'
    return text.replace("XMLNS", declared).encode()


def item(**properties: str | None) -> str:
    inner = "".join(
        f'<p:{name} xsi:nil="true"/>' if value is None else f"<p:{name}>{value}</p:{name}>"
        for name, value in properties.items()
    )
    return f"<p:Win32_NamedJobObject>{inner}</p:Win32_NamedJobObject>"


def enumerated(*items: str, context: str = "", end: bool = False, style: str = "windows") -> bytes:
    last = "<w:EndOfSequence/>" if end else ""
    return envelope(
        f"<n:EnumerateResponse><n:EnumerationContext>{context}</n:EnumerationContext>"
        f"<w:Items>{''.join(items)}</w:Items>{last}</n:EnumerateResponse>",
        style,
    )


def pulled(*items: str, context: str = "", end: bool = False, style: str = "windows") -> bytes:
    last = "<n:EndOfSequence/>" if end else ""
    return envelope(
        f"<n:PullResponse><n:EnumerationContext>{context}</n:EnumerationContext>"
        f"<n:Items>{''.join(items)}</n:Items>{last}</n:PullResponse>",
        style,
    )


class Service:
    """Answers with the given replies in turn and keeps the actions that it was asked for."""

    def __init__(self, *replies: bytes) -> None:
        self.replies = list(replies)
        self.requests: list[bytes] = []

    def __call__(self, message: bytes) -> bytes:
        self.requests.append(message)
        return self.replies.pop(0)

    @property
    def actions(self) -> list[str]:
        return [re.search(rb"enumeration/(\w+)</", request)[1].decode() for request in self.requests]


@pytest.fixture
def wire() -> SimpleNamespace:
    return SimpleNamespace(envelope=envelope, item=item, enumerated=enumerated, pulled=pulled, Service=Service)
