"""Registry values as Windows keeps them (winnt.h, REG_*) and as `RegistryValue` has them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from lab.errors import NotModelled
from lab.host.interface import RegistryType, RegistryValue

NUMBERS: dict[RegistryType, int] = {
    "none": 0,
    "string": 1,
    "expandstring": 2,
    "binary": 3,
    "dword": 4,
    "multistring": 7,
    "qword": 11,
}
_NAMES = {number: name for name, number in NUMBERS.items()}


def _text(data: bytes) -> str:
    return data.decode("utf-16-le", errors="replace").rstrip("\0")


def _text_bytes(text: str) -> bytes:
    return (text + "\0").encode("utf-16-le")


def _texts(data: bytes) -> list[str]:
    return [text for text in data.decode("utf-16-le", errors="replace").split("\0") if text]


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")


_DECODERS: dict[RegistryType, Callable[[bytes], Any]] = {
    "none": bytes,
    "string": _text,
    "expandstring": _text,
    "binary": bytes,
    "dword": _number,
    "multistring": _texts,
    "qword": _number,
}
_ENCODERS: dict[RegistryType, Callable[[Any], bytes]] = {
    "none": bytes,
    "string": _text_bytes,
    "expandstring": _text_bytes,
    "binary": bytes,
    "dword": lambda number: (number % 2**32).to_bytes(4, "little"),
    "multistring": lambda texts: b"".join(map(_text_bytes, texts)) + _text_bytes(""),
    "qword": lambda number: (number % 2**64).to_bytes(8, "little"),
}


def decode(type: int, data: str | None) -> RegistryValue:
    """A value of a registry type's number and its data in base64."""
    if type not in _NAMES:
        raise NotModelled(f"registry type {type}")
    name = _NAMES[type]
    return RegistryValue(name, _DECODERS[name](base64.b64decode(data or "")))


def encode(value: RegistryValue) -> dict[str, Any]:
    """The reverse of `decode`."""
    return {"type": NUMBERS[value.type], "data": base64.b64encode(_ENCODERS[value.type](value.data)).decode()}
