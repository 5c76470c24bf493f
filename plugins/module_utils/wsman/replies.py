# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replies into rows, and faults into errors.

A row maps property names to text, None (``xsi:nil``), a list (a repeated element) or a Reference. Types are left to
the caller, who knows the class: WMI numbers are plain decimals, booleans ``true`` and ``false``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.errors import MessageError, WsmanFault
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.namespaces import (
    ADDRESSING,
    CIM,
    ENUMERATION,
    FAULT,
    IDENTITY,
    SCHEMA_INSTANCE,
    SOAP,
    WSMAN,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.xml import local, parse

# Without the look-behind a long word that a node sends would be tried from each of its letters.
_KEY = re.compile(r'(?<!\w)(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Reference:
    """Another object, by the keys that name it."""

    keys: dict[str, str]


@dataclass(frozen=True)
class Batch:
    """The rows of one reply, and the context to pull more with; an empty context means that these were the last."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    context: str = ""


def read_batch(reply: bytes) -> Batch:
    """Read an EnumerateResponse or a PullResponse.

    Items and EndOfSequence are in the WS-Management namespace in the first and in the enumeration namespace in the
    second; a finished query has EndOfSequence, an empty context, or both (wsman-facts section 2).

    Raises:
        WsmanFault: the service refused.
        MessageError: the reply is something else.
    """
    response = _body(reply)
    if response.tag not in (f"{{{ENUMERATION}}}EnumerateResponse", f"{{{ENUMERATION}}}PullResponse"):
        raise MessageError(f"The reply to a query is a {local(response)} and no list of rows.")
    parts = {local(child): child for child in response}
    items, context = parts.get("Items"), parts.get("EnumerationContext")
    finished = "EndOfSequence" in parts
    return Batch(
        rows=[_row(item) for item in (items if items is not None else ())],
        context="" if finished or context is None else (context.text or "").strip(),
    )


def read_released(reply: bytes) -> None:
    """Read the reply to Release, whose body is empty.

    Raises:
        WsmanFault: the service refused.
    """
    _body(reply, may_be_empty=True)


def read_identity(reply: bytes) -> dict[str, str]:
    """Read an IdentifyResponse: ProtocolVersion, ProductVendor, ProductVersion."""
    response = _body(reply)
    if response.tag != f"{{{IDENTITY}}}IdentifyResponse":
        raise MessageError(f"The reply to Identify is a {local(response)}: this is no WS-Management service.")
    return {local(child): (child.text or "").strip() for child in response}


def _body(reply: bytes, may_be_empty: bool = False) -> Element:
    envelope = parse(reply)
    body = envelope.find(f"{{{SOAP}}}Body")
    if envelope.tag != f"{{{SOAP}}}Envelope" or body is None or (len(body) == 0 and not may_be_empty):
        raise MessageError(
            f"The reply is no SOAP message with a body (its root is {local(envelope)}): "
            "something else than WinRM answers on this address."
        )
    content = body[0] if len(body) else body
    if content.tag == f"{{{SOAP}}}Fault":
        raise _fault(content)
    return content


def _row(item: Element) -> dict[str, Any]:
    """Return an item: an element of its class after SELECT *, an XmlFragment after a SELECT of some properties."""
    row: dict[str, Any] = {}
    for child in item:
        name, value = local(child), _value(child)
        if name not in row:
            row[name] = value
        elif isinstance(row[name], list):
            row[name].append(value)
        else:
            row[name] = [row[name], value]
    return row


def _value(element: Element) -> Any:
    if element.get(f"{{{SCHEMA_INSTANCE}}}nil") in ("true", "1"):
        return None
    moment = element.find(f"{{{CIM}}}Datetime")
    if moment is not None:
        return (moment.text or "").strip()
    if element.find(f"{{{ADDRESSING}}}ReferenceParameters") is not None:
        selectors = element.iter(f"{{{WSMAN}}}Selector")
        return Reference({selector.get("Name") or "": selector.text or "" for selector in selectors})
    return element.text or ""


def reference(value: Any) -> Reference:
    """Return a REF property's value as a Reference; services write an endpoint reference or a WMI object path.

    Raises:
        MessageError: when it is neither.
    """
    if isinstance(value, Reference):
        return value
    keys = dict(_KEY.findall(str(value).partition(".")[2] if '="' in str(value) else ""))
    if not keys:
        raise MessageError(f"This is no reference to a CIM object: {value!r}")
    return Reference({name: re.sub(r"\\(.)", r"\1", key) for name, key in keys.items()})


def _fault(fault: Element) -> WsmanFault:
    detail = fault.find(f"{{{SOAP}}}Detail")
    reported = detail.find(f".//{{{FAULT}}}WSManFault") if detail is not None else None
    code = _number(reported.get("Code")) if reported is not None else None
    if code is None and detail is not None:
        code = next((_number(e.text) for e in detail.iter() if local(e) == "error_Code"), None)
    subcode = fault.find(f"{{{SOAP}}}Code/{{{SOAP}}}Subcode/{{{SOAP}}}Value")
    name = (subcode.text or "").strip().rpartition(":")[2] if subcode is not None else None
    reason = fault.find(f"{{{SOAP}}}Reason/{{{SOAP}}}Text")
    said = [reason] if reason is not None else []
    said += [element for element in (detail.iter() if detail is not None else ()) if local(element) in SAYS_WHY]
    details = tuple(dict.fromkeys(text for element in said if (text := " ".join((element.text or "").split()))))
    number = f" {code} (0x{code & 0xFFFFFFFF:08X})" if code is not None else ""
    message = f"The WS-Management service refused with {name or 'a fault'}{number}: {' | '.join(details) or 'no text'}"
    return WsmanFault(message, code, name, details)


# Elements of a fault's detail that hold text for people: Microsoft's message, the provider's, and those of the CIM
# errors nested in it (__ExtendedStatus, MSFT_WmiError).
SAYS_WHY = {"Message", "ProviderFault", "Description", "ParameterInfo", "Operation", "CIMStatusCodeDescription"}


def _number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None
