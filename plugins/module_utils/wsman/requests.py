# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests as bytes: Enumerate with a WQL filter, Pull, Release, Identify (DSP0226 sections 8 and 11)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.namespaces import (
    ADDRESSING,
    ANONYMOUS,
    ENUMERATION,
    IDENTITY,
    SOAP,
    WMI,
    WQL_DIALECT,
    WSMAN,
)

# The service refuses to answer with more than the envelope size, and batches rows itself below it.
ENVELOPE_SIZE = 512000
MOST_ELEMENTS = 32000
MUST_UNDERSTAND = f"{{{SOAP}}}mustUnderstand"

for _prefix, _namespace in (("s", SOAP), ("a", ADDRESSING), ("n", ENUMERATION), ("w", WSMAN), ("i", IDENTITY)):
    register_namespace(_prefix, _namespace)


@dataclass(frozen=True)
class Target:
    """Whom to ask: the service's URL, the CIM namespace, and how long an operation may take (seconds)."""

    endpoint: str
    namespace: str = "root/cimv2"
    timeout: int = 20


def enumerate_request(target: Target, query: str) -> bytes:
    """Return the request that begins a WQL query, asking for the first rows in its reply."""
    envelope, body = _envelope(target, "Enumerate")
    enumerate_element = SubElement(body, f"{{{ENUMERATION}}}Enumerate")
    SubElement(enumerate_element, f"{{{WSMAN}}}OptimizeEnumeration")
    SubElement(enumerate_element, f"{{{WSMAN}}}MaxElements").text = str(MOST_ELEMENTS)
    SubElement(enumerate_element, f"{{{WSMAN}}}Filter", Dialect=WQL_DIALECT).text = query
    return tostring(envelope, encoding="utf-8")


def pull_request(target: Target, context: str) -> bytes:
    """Return the request for further rows of a query."""
    envelope, body = _envelope(target, "Pull")
    pull = SubElement(body, f"{{{ENUMERATION}}}Pull")
    SubElement(pull, f"{{{ENUMERATION}}}EnumerationContext").text = context
    SubElement(pull, f"{{{ENUMERATION}}}MaxElements").text = str(MOST_ELEMENTS)
    return tostring(envelope, encoding="utf-8")


def release_request(target: Target, context: str) -> bytes:
    """Return the request that gives up a query with rows left, so that the service frees it at once."""
    envelope, body = _envelope(target, "Release")
    release = SubElement(body, f"{{{ENUMERATION}}}Release")
    SubElement(release, f"{{{ENUMERATION}}}EnumerationContext").text = context
    return tostring(envelope, encoding="utf-8")


def identify_request() -> bytes:
    """Return the request that asks what a service is; it has no addressing (DSP0226 section 11)."""
    envelope = Element(f"{{{SOAP}}}Envelope")
    SubElement(envelope, f"{{{SOAP}}}Header")
    SubElement(SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{IDENTITY}}}Identify")
    return tostring(envelope, encoding="utf-8")


def _envelope(target: Target, action: str) -> tuple[Element, Element]:
    must = {MUST_UNDERSTAND: "true"}
    envelope = Element(f"{{{SOAP}}}Envelope")
    header = SubElement(envelope, f"{{{SOAP}}}Header")
    SubElement(header, f"{{{ADDRESSING}}}To").text = target.endpoint
    SubElement(header, f"{{{WSMAN}}}ResourceURI", must).text = f"{WMI}/{target.namespace}/*"
    reply_to = SubElement(header, f"{{{ADDRESSING}}}ReplyTo")
    SubElement(reply_to, f"{{{ADDRESSING}}}Address", must).text = ANONYMOUS
    SubElement(header, f"{{{ADDRESSING}}}Action", must).text = f"{ENUMERATION}/{action}"
    SubElement(header, f"{{{WSMAN}}}MaxEnvelopeSize", must).text = str(ENVELOPE_SIZE)
    SubElement(header, f"{{{ADDRESSING}}}MessageID").text = f"uuid:{uuid.uuid4()}"
    SubElement(header, f"{{{WSMAN}}}OperationTimeout").text = f"PT{target.timeout}S"
    return envelope, SubElement(envelope, f"{{{SOAP}}}Body")
