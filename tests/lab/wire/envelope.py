"""WS-Management messages: read a request, write a reply or a fault.

Namespaces, actions and fault codes are those of MS-WSMV and of recorded conversations.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from xml.etree import ElementTree

from defusedxml import ElementTree as SafeElementTree

from lab.errors import NotModelled

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "wsmid": "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
    "cim": "http://schemas.dmtf.org/wbem/wscim/1/common",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
for _prefix, _uri in NAMESPACES.items():
    ElementTree.register_namespace(_prefix, _uri)

ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
MAX_ENVELOPE_SIZE = 500 * 1024  # a server's own, as recorded
FAULT_ACTION = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"


class WsmanFault(Exception):
    """A request that the service answers with a SOAP fault (HTTP 500).

    Args:
        code: the WSManFault code, decimal as on the wire; None where none is known.
        subcode: the prefixed SOAP subcode, for example ``w:TimedOut``.
        text: the reason, for people.
        nested: what a provider adds, in place of the message's text.
        blame: whose fault it is, ``s:Sender`` or ``s:Receiver``.
    """

    def __init__(
        self,
        code: int | None,
        subcode: str,
        text: str,
        nested: ElementTree.Element | None = None,
        blame: str = "s:Sender",
    ) -> None:
        super().__init__(text)
        self.code = code
        self.subcode = subcode
        self.text = text
        self.nested = nested
        self.blame = blame


def operation_timeout() -> WsmanFault:
    """Nothing to report within OperationTimeout: the client asks again (recorded: 2150858793)."""
    return WsmanFault(
        2150858793,
        "w:TimedOut",
        "The WS-Management service cannot complete the operation within the time specified in OperationTimeout.",
    )


def invalid_selectors(what: str) -> WsmanFault:
    """The shell or command does not exist, any more or at all (recorded: 2150858843)."""
    return WsmanFault(
        2150858843,
        "w:InvalidSelectors",
        "The request for the Windows Remote Shell failed because the shell was not found on the server: " + what,
    )


def not_modelled_fault(what: str) -> WsmanFault:
    """A request that this laboratory does not know; it never answers by guessing."""
    return unsupported(NotModelled(what))


def unsupported(unknown: NotModelled) -> WsmanFault:
    """The same, of a thing that was already found unknown."""
    return WsmanFault(2150858752, "w:UnsupportedFeature", str(unknown))


def qualified(name: str) -> str:
    """``rsp:Shell`` as ElementTree writes it."""
    prefix, local = name.split(":", 1)
    return f"{{{NAMESPACES[prefix]}}}{local}"


def element(name: str, *children: ElementTree.Element, text: str | None = None, **attributes: str):
    """An element by prefixed name, with children, text and attributes."""
    made = ElementTree.Element(qualified(name), attributes)
    made.text = text
    made.extend(children)
    return made


@dataclass(frozen=True)
class Request:
    """One WS-Management request: the header fields that matter, and the body."""

    action: str
    resource_uri: str
    message_id: str
    operation_timeout: float
    max_envelope_size: int
    selectors: dict[str, str]
    options: dict[str, str]
    body: ElementTree.Element

    @property
    def verb(self) -> str:
        """The action's last word: Create, Command, Send, ..."""
        return self.action.rsplit("/", 1)[-1] if self.action else ""


def parse(message: bytes) -> Request:
    """Read a request envelope.

    Raises:
        WsmanFault: the message is not a SOAP envelope with a body.
    """
    try:
        root = SafeElementTree.fromstring(message)
    except ElementTree.ParseError as exc:
        raise WsmanFault(2150858917, "w:InvalidParameter", f"The XML is not well-formed: {exc}") from exc
    header = root.find("s:Header", NAMESPACES)
    header = header if header is not None else ElementTree.Element("none")
    body = root.find("s:Body", NAMESPACES)
    if body is None:
        raise WsmanFault(2150858917, "w:InvalidParameter", "The message has no SOAP body.")
    return Request(
        action=header.findtext("a:Action", "", NAMESPACES).strip(),
        resource_uri=header.findtext("w:ResourceURI", "", NAMESPACES).strip(),
        message_id=header.findtext("a:MessageID", "", NAMESPACES).strip(),
        operation_timeout=_seconds(header.findtext("w:OperationTimeout", "PT60S", NAMESPACES)),
        max_envelope_size=int(header.findtext("w:MaxEnvelopeSize", str(MAX_ENVELOPE_SIZE), NAMESPACES)),
        selectors=_named(header, "w:SelectorSet/w:Selector"),
        options=_named(header, "w:OptionSet/w:Option"),
        body=body,
    )


def _named(header: ElementTree.Element, path: str) -> dict[str, str]:
    """Elements with a Name attribute, as name to text."""
    return {found.get("Name", ""): (found.text or "").strip() for found in header.iterfind(path, NAMESPACES)}


def _seconds(duration: str) -> float:
    """An xs:duration of hours, minutes and seconds (all that clients send) in seconds."""
    parts = re.fullmatch(r"P(?:0D)?T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", duration.strip())
    if parts is None:
        raise WsmanFault(87, "w:InvalidParameter", f"OperationTimeout {duration!r} is not a duration.")
    hours, minutes, seconds = (float(part or 0) for part in parts.groups())
    return hours * 3600 + minutes * 60 + seconds


def reply(request: Request, action: str, *body: ElementTree.Element) -> bytes:
    """The envelope that answers a request."""
    header = element(
        "s:Header",
        element("a:Action", text=action),
        element("a:MessageID", text=f"uuid:{uuid.uuid4()}".upper()),
        element("a:To", text=ANONYMOUS),
        element("a:RelatesTo", text=request.message_id),
    )
    return ElementTree.tostring(element("s:Envelope", header, element("s:Body", *body)), encoding="utf-8")


def fault_reply(fault: WsmanFault, request: Request | None) -> bytes:
    """The envelope of a fault; goes out with HTTP status 500."""
    # The values of s:Value are qualified names in text: their prefix must be declared although no element has it.
    subcode_prefix = fault.subcode.split(":", 1)[0]
    message = element("f:Message", text=fault.text) if fault.nested is None else element("f:Message", fault.nested)
    code = {} if fault.code is None else {"Code": str(fault.code)}
    detail = element("f:WSManFault", message, Machine="localhost", **code)
    envelope = element(
        "s:Envelope",
        element(
            "s:Header",
            element("a:Action", text=FAULT_ACTION),
            element("a:MessageID", text=f"uuid:{uuid.uuid4()}".upper()),
            element("a:To", text=ANONYMOUS),
            *([element("a:RelatesTo", text=request.message_id)] if request else []),
        ),
        element(
            "s:Body",
            element(
                "s:Fault",
                element(
                    "s:Code",
                    element("s:Value", text=fault.blame),
                    element("s:Subcode", element("s:Value", text=fault.subcode)),
                ),
                element("s:Reason", element("s:Text", text=fault.text)),
                element("s:Detail", detail),
            ),
        ),
    )
    text = ElementTree.tostring(envelope, encoding="unicode")
    declaration = f'xmlns:{subcode_prefix}="{NAMESPACES[subcode_prefix]}"'
    if declaration not in text:
        text = text.replace("<s:Envelope ", f"<s:Envelope {declaration} ", 1)
    return text.encode()


def identify_reply(build: str) -> bytes:
    """What an Identify request gets, before or after authentication."""
    return ElementTree.tostring(
        element(
            "s:Envelope",
            element("s:Header"),
            element(
                "s:Body",
                element(
                    "wsmid:IdentifyResponse",
                    element("wsmid:ProtocolVersion", text="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"),
                    element("wsmid:ProductVendor", text="Microsoft Corporation"),
                    element("wsmid:ProductVersion", text=f"OS: {build} SP: 0.0 Stack: 3.0"),
                ),
            ),
        ),
        encoding="utf-8",
    )
