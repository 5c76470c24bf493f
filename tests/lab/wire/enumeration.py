"""WS-Management enumeration of WMI: Enumerate with a WQL filter, Pull, Release, as a Windows service answers them.

Shapes are those of recorded replies: one row and a context where more rows wait, an empty context at the end, items in
the WS-Management namespace after Enumerate and in the enumeration's after Pull.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Executor
from typing import Any
from xml.etree import ElementTree

from lab.errors import LabError, NotModelled
from lab.faults import Faults
from lab.host.interface import Host
from lab.wire.envelope import NAMESPACES, Request, WsmanFault, element, not_modelled_fault, reply, unsupported
from lab.wmi import node_state, wql
from lab.wmi.classes import NAMESPACE, Reference, Row
from lab.wmi.wql import Query

ENUMERATION_ACTION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/"
WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi"
WQL_DIALECT = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
ADDRESS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
# Recorded batches end where the envelope's size would be reached, counted as UTF-16; the rest of the envelope is small.
_BYTES_PER_CHARACTER, _ENVELOPE_ALONE = 2, 4096


class EnumerationService:
    """The queries of one node. Lives in the event loop; the node is asked in the executor.

    Args:
        faults: ``wmi_no_class``, ``wmi_denied`` and ``wmi_quota`` strike a query by its class's name.
    """

    def __init__(self, host: Host, faults: Faults, executor: Executor) -> None:
        self._host = host
        self._faults = faults
        self._executor = executor
        self._waiting: dict[str, deque[ElementTree.Element]] = {}
        self._verbs = {"Enumerate": self._enumerate, "Pull": self._pull, "Release": self._release}

    @property
    def open_queries(self) -> int:
        """Queries with rows left that nobody released."""
        return len(self._waiting)

    def forget(self) -> None:
        """The node lost power: no query survives."""
        self._waiting.clear()

    async def answer(self, request: Request) -> bytes:
        """The reply to a request.

        Raises:
            WsmanFault: Windows would refuse, or it is not modelled.
        """
        verb = self._verbs.get(request.verb)
        if verb is None or request.resource_uri != f"{WMI}/{NAMESPACE}/*":
            raise not_modelled_fault(f"{request.verb} of the WS-Management resource {request.resource_uri!r}")
        return await verb(request)

    async def _enumerate(self, request: Request) -> bytes:
        asked = request.body.find("n:Enumerate", NAMESPACES)
        condition = asked.find("w:Filter", NAMESPACES) if asked is not None else None
        if condition is None or condition.get("Dialect") != WQL_DIALECT:
            raise not_modelled_fault("an Enumerate without a WQL filter")
        if asked.find("w:EnumerationMode", NAMESPACES) is not None:
            raise not_modelled_fault("an EnumerationMode")
        rows = deque(await self._rows((condition.text or "").strip()))
        items = element("w:Items")
        if asked.find("w:OptimizeEnumeration", NAMESPACES) is not None and rows:
            items.append(rows.popleft())
        context = self._keep(rows)
        response = element("n:EnumerateResponse", element("n:EnumerationContext", text=context), items)
        if not context:
            response.append(element("w:EndOfSequence"))
        return reply(request, ENUMERATION_ACTION + "EnumerateResponse", response)

    async def _rows(self, text: str) -> list[ElementTree.Element]:
        try:
            query = wql.parse(text)
            self._refuse(query.wmi_class.name, text)
            loop = asyncio.get_running_loop()
            state = await loop.run_in_executor(self._executor, node_state.read, self._host)
        except NotModelled as unknown:
            raise unsupported(unknown) from unknown
        except LabError as failed:
            raise not_modelled_fault(f"{text!r} when the node's state can't be read ({failed}):") from failed
        return [_item(query, row) for row in query.wmi_class.rows(state)]

    def _refuse(self, class_name: str, text: str) -> None:
        for kind, fault in _REFUSALS.items():
            if self._faults.take(kind, class_name):
                raise fault(text)

    def _keep(self, rows: deque[ElementTree.Element]) -> str:
        if not rows:
            return ""
        context = f"uuid:{uuid.uuid4()}".upper()
        self._waiting[context] = rows
        return context

    async def _pull(self, request: Request) -> bytes:
        rows = self._waiting.pop(self._context(request, "n:Pull"))
        most = int(request.body.findtext("n:Pull/n:MaxElements", "1", NAMESPACES))
        room = request.max_envelope_size // _BYTES_PER_CHARACTER - _ENVELOPE_ALONE
        items = element("n:Items")
        while rows and len(items) < most:
            room -= len(ElementTree.tostring(rows[0], encoding="unicode"))
            if room < 0 and len(items):
                break
            items.append(rows.popleft())
        context = self._keep(rows)
        response = element("n:PullResponse", element("n:EnumerationContext", text=context), items)
        if not context:
            response.append(element("n:EndOfSequence"))
        return reply(request, ENUMERATION_ACTION + "PullResponse", response)

    async def _release(self, request: Request) -> bytes:
        del self._waiting[self._context(request, "n:Release")]
        return reply(request, ENUMERATION_ACTION + "ReleaseResponse")

    def _context(self, request: Request, verb: str) -> str:
        context = request.body.findtext(f"{verb}/n:EnumerationContext", "", NAMESPACES).strip()
        if context not in self._waiting:
            raise WsmanFault(None, "n:InvalidEnumerationContext", "The supplied enumeration context is invalid.")
        return context


def _item(query: Query, row: Row) -> ElementTree.Element:
    """A row: an element of its class after ``SELECT *``, an XmlFragment without namespaces after a projection.

    The class's own namespace is bound to ``p`` on each item, as recorded, so names are written with their prefix.
    """
    if query.properties is not None:
        return element("w:XmlFragment", *(_property(name, row[name]) for name in query.properties))
    name = query.wmi_class.name
    declared = {"xmlns:p": f"{WMI}/{NAMESPACE}/{name}", f"{{{XSI}}}type": f"p:{name}_Type"}
    item = ElementTree.Element(f"p:{name}", declared)
    item.extend(_property(f"p:{key}", value) for key, value in row.items())
    return item


def _property(name: str, value: Any) -> ElementTree.Element:
    made = ElementTree.Element(name)
    if value is None:
        made.set(f"{{{XSI}}}nil", "true")
    elif isinstance(value, Reference):
        made.extend(_endpoint(value))
    elif name.endswith("Date"):
        made.append(element("cim:Datetime", text=value))
    else:
        made.text = str(value)
    return made


def _endpoint(reference: Reference) -> Iterable[ElementTree.Element]:
    """A reference as DSP0227 writes it; no recorded reply of Windows shows one."""
    selectors = element(
        "w:SelectorSet",
        element("w:Selector", text=NAMESPACE, Name="__cimnamespace"),
        element("w:Selector", text=reference.value, Name=reference.key),
    )
    uri = element("w:ResourceURI", text=f"{WMI}/{NAMESPACE}/{reference.class_name}")
    return element("a:Address", text=ADDRESS), element("a:ReferenceParameters", uri, selectors)


def _provider_fault(code: int, text: str, query: str, operation: str = "ExecQuery") -> ElementTree.Element:
    """What the WMI provider adds to a fault: its own fault, and WMI's extended status."""
    status = ElementTree.Element("p:__ExtendedStatus", {"xmlns:p": f"{WMI}/{NAMESPACE}/__ExtendedStatus"})
    status.append(_property("p:Description", None))
    status.append(_property("p:Operation", operation))
    status.append(_property("p:ParameterInfo", query))
    status.append(_property("p:ProviderName", "WinMgmt"))
    own = element("f:WSManFault", element("f:Message", text=text), Code=str(code), Machine="localhost")
    return element(
        "f:ProviderFault", own, element("f:ExtendedError", status), provider="WMI Provider", path="WsmWmiPl.dll"
    )


def _no_class(query: str) -> WsmanFault:
    text = "The WMI service reported that the specified class does not exist in the specified namespace. "
    nested = _provider_fault(2150858778, text, query)
    return WsmanFault(2150858778, "n:CannotProcessFilter", "The data source could not process the filter. ", nested)


def _denied(query: str) -> WsmanFault:
    return WsmanFault(5, "w:AccessDenied", "Access is denied. ", _provider_fault(5, "Access is denied. ", query))


def _quota(_query: str) -> WsmanFault:
    text = (
        "The WS-Management service cannot process the request. "
        "The maximum number of concurrent operations for this user has been exceeded. "
    )
    return WsmanFault(2150859174, "w:InternalError", text, blame="s:Receiver")


_REFUSALS = {"wmi_no_class": _no_class, "wmi_denied": _denied, "wmi_quota": _quota}
