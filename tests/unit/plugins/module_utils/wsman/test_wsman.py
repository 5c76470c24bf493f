# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman import query as query_module
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman import xml
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.errors import MessageError, WsmanFault
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.query import identify, query
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.replies import (
    Reference,
    read_batch,
    reference,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.requests import (
    Target,
    enumerate_request,
    identify_request,
)

TARGET = Target("http://node:5985/wsman")
FAULT = """<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>n:CannotProcessFilter</s:Value></s:Subcode>
</s:Code><s:Reason><s:Text xml:lang="en-US">The data source could not process the filter. </s:Text></s:Reason>
<s:Detail><f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault" Code="2150858778" Machine="node">
<f:Message><f:ProviderFault provider="WMI Provider" path="WsmWmiPl.dll"><f:WSManFault Code="2150858778" Machine="node">
<f:Message>The WMI service reported that the specified class does not exist in the specified namespace.</f:Message>
</f:WSManFault><f:ExtendedError><p:__ExtendedStatus><p:Description xsi:nil="true"/>
<p:Operation>ExecQuery</p:Operation><p:ParameterInfo>SELECT * FROM Nothing</p:ParameterInfo></p:__ExtendedStatus>
</f:ExtendedError></f:ProviderFault></f:Message></f:WSManFault></s:Detail></s:Fault>"""
QUOTA = """<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>w:QuotaLimit</s:Value></s:Subcode></s:Code>
<s:Reason><s:Text>This user is allowed a maximum number of 5 concurrent shells.</s:Text></s:Reason>
<s:Detail><p:MSFT_WmiError><p:error_Code>2150859173</p:error_Code><p:Message>maximum number of shells</p:Message>
</p:MSFT_WmiError></s:Detail></s:Fault>"""


def test_a_query_is_an_enumerate_on_the_namespace_with_a_wql_filter():
    root = ElementTree.fromstring(enumerate_request(TARGET, "SELECT * FROM A WHERE B<'c'"))
    texts = {element.tag.rpartition("}")[2]: element.text for element in root.iter()}
    assert texts["ResourceURI"] == "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/*"
    assert texts["Filter"] == "SELECT * FROM A WHERE B<'c'"
    assert texts["OperationTimeout"] == "PT20S"
    dialects = [element.get("Dialect") for element in root.iter() if element.get("Dialect")]
    assert dialects == ["http://schemas.microsoft.com/wbem/wsman/1/WQL"]


def test_the_children_of_enumerate_come_in_the_order_that_services_expect():
    root = ElementTree.fromstring(enumerate_request(TARGET, "x"))
    element = next(element for element in root.iter() if element.tag.endswith("}Enumerate"))
    assert [child.tag.rpartition("}")[2] for child in element] == ["OptimizeEnumeration", "MaxElements", "Filter"]


@pytest.mark.parametrize("style", ["windows", "other"])
def test_one_row_then_pull_until_the_end_whatever_the_prefixes(wire, style):
    service = wire.Service(
        wire.enumerated(wire.item(CollectionID="a"), context="uuid:7", style=style),
        wire.pulled(wire.item(CollectionID="b"), wire.item(CollectionID="c"), context="uuid:8", style=style),
        wire.pulled(wire.item(CollectionID="d"), end=True, style=style),
    )
    assert [row["CollectionID"] for row in query(service, TARGET, "x")] == ["a", "b", "c", "d"]
    assert service.actions == ["Enumerate", "Pull", "Pull"]
    assert b"uuid:8" in service.requests[2]


@pytest.mark.parametrize("end", [True, False])
def test_everything_in_the_first_reply_needs_no_pull(wire, end):
    service = wire.Service(wire.enumerated(wire.item(CollectionID="a"), end=end))
    assert len(query(service, TARGET, "x")) == 1
    assert service.actions == ["Enumerate"]


def test_no_rows_at_all_is_an_empty_list(wire):
    assert query(wire.Service(wire.enumerated(end=True)), TARGET, "x") == []


def test_a_query_of_some_properties_comes_as_a_fragment_without_namespaces(wire):
    fragment = '<w:XmlFragment xmlns=""><Name>a</Name><ProcessId>4</ProcessId></w:XmlFragment>'
    assert read_batch(wire.enumerated(fragment)).rows == [{"Name": "a", "ProcessId": "4"}]


def test_nil_is_none_and_an_empty_element_is_empty_text(wire):
    assert read_batch(wire.enumerated(wire.item(Caption=None, Description=""))).rows == [
        {"Caption": None, "Description": ""}
    ]


def test_a_date_is_its_text_and_a_repeated_element_a_list(wire):
    row = wire.item(CreationDate="<cim:Datetime>2013-04-15T16:28:47.73517Z</cim:Datetime>")
    repeated = "<p:A><p:Names>x</p:Names><p:Names>y</p:Names><p:Names>z</p:Names></p:A>"
    assert read_batch(wire.enumerated(row, repeated)).rows == [
        {"CreationDate": "2013-04-15T16:28:47.73517Z"},
        {"Names": ["x", "y", "z"]},
    ]


def test_a_reference_is_read_from_an_endpoint_and_from_an_object_path(wire):
    endpoint = (
        "<a:Address>x</a:Address><a:ReferenceParameters><w:ResourceURI>u</w:ResourceURI><w:SelectorSet>"
        r'<w:Selector Name="CollectionID">\job\container_1</w:Selector></w:SelectorSet></a:ReferenceParameters>'
    )
    [row] = read_batch(wire.enumerated(wire.item(Collection=endpoint))).rows
    expected = Reference({"CollectionID": r"\job\container_1"})
    assert row["Collection"] == expected
    path = r'\\.\root\cimv2:Win32_NamedJobObject.CollectionID="\\job\\container_1"'
    assert reference(path) == reference(row["Collection"]) == expected


def test_what_is_no_reference_is_refused():
    with pytest.raises(MessageError, match="no reference"):
        reference("C:\\windows")


def test_a_long_word_in_a_reference_costs_linear_time():
    started = time.monotonic()
    with pytest.raises(MessageError, match="no reference"):
        reference("." + "a" * 300_000 + ' ="')
    assert time.monotonic() - started < 5


def test_a_fault_tells_everything_that_the_provider_said(wire):
    with pytest.raises(WsmanFault) as caught:
        query(wire.Service(wire.envelope(FAULT)), TARGET, "SELECT * FROM Nothing")
    fault = caught.value
    assert (fault.code, fault.subcode) == (2150858778, "CannotProcessFilter")
    assert "0x8033801A" in str(fault)
    assert "class does not exist" in str(fault)
    assert "SELECT * FROM Nothing" in fault.details


def test_a_wmi_error_without_a_wsman_fault_has_its_code_too(wire):
    with pytest.raises(WsmanFault) as caught:
        read_batch(wire.envelope(QUOTA))
    assert (caught.value.code, caught.value.subcode) == (2150859173, "QuotaLimit")


def test_a_query_that_fails_half_way_is_released_and_its_own_error_told(wire):
    service = wire.Service(
        wire.enumerated(wire.item(A="1"), context="uuid:7"), wire.envelope(FAULT), wire.envelope(QUOTA)
    )
    with pytest.raises(WsmanFault, match="CannotProcessFilter"):
        query(service, TARGET, "x")
    assert service.actions == ["Enumerate", "Pull", "Release"]


@pytest.mark.parametrize("context", ["c", "another"])
def test_a_sequence_without_rows_and_without_an_end_is_ended(wire, context):
    service = wire.Service(wire.enumerated(context="c"), wire.pulled(context=context), wire.envelope(""))
    with pytest.raises(MessageError, match="without rows and without an end"):
        query(service, TARGET, "x")
    assert service.actions == ["Enumerate", "Pull", "Release"]


def test_a_sequence_of_rows_that_never_ends_is_ended_by_its_size(wire, monkeypatch):
    monkeypatch.setattr(query_module, "LARGEST_ANSWER", 5000)
    replies = [wire.pulled(wire.item(A="1"), context="c")] * 20
    service = wire.Service(wire.enumerated(context="c"), *replies)
    with pytest.raises(MessageError, match="more than 5000 bytes"):
        query(service, TARGET, "x")
    assert service.actions[-1] == "Release"


def test_identify_has_no_addressing_and_tells_the_vendor(wire):
    assert b"schemas.xmlsoap.org/ws/2004/08/addressing" not in identify_request()
    body = (
        '<i:IdentifyResponse xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd">'
        "<i:ProductVendor>Microsoft Corporation</i:ProductVendor></i:IdentifyResponse>"
    )
    assert identify(lambda _: wire.envelope(body)) == {"ProductVendor": "Microsoft Corporation"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        "<!DOCTYPE x>",
    ],
)
def test_a_document_type_is_refused_in_any_encoding(declaration, encoding):
    header = f'<?xml version="1.0" encoding="{encoding}"?>'
    with pytest.raises(MessageError, match="document type"):
        xml.parse(f"{header}{declaration}<x>text</x>".encode(encoding))


def test_a_reply_that_is_too_large_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(xml.expat, "ParserCreate", None)
    with pytest.raises(MessageError, match="more than 52428800 are refused"):
        xml.parse(b" " * (50 * 2**20 + 1))


def test_deep_nesting_is_refused():
    with pytest.raises(MessageError, match="64 levels"):
        xml.parse(b"<a>" * 10_000)


def test_a_truncated_reply_is_an_error_wherever_it_is_cut(wire):
    whole = wire.enumerated(wire.item(CollectionID="a"), end=True)
    for length in range(0, len(whole) - 1, 7):
        with pytest.raises(MessageError, match="no complete XML"):
            read_batch(whole[:length])


@pytest.mark.parametrize("reply", [b"<html><body>hello</body></html>", b"", b"{}", b"\x00\x01", b"<s/>"])
def test_what_is_no_soap_message_is_told_so(reply):
    with pytest.raises(MessageError, match=r"answers on this address"):
        read_batch(reply)


@given(st.binary(max_size=200))
def test_no_input_raises_anything_but_the_packages_own_errors(reply):
    with pytest.raises(MessageError):
        read_batch(reply)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Za-z]{0,9}", fullmatch=True),
        st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1),
    )
)
def test_property_values_come_through_unchanged(properties):
    from xml.sax.saxutils import escape

    inner = "".join(f"<p:{name}>{escape(value)}</p:{name}>" for name, value in properties.items())
    reply = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        '<n:PullResponse xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"><n:Items>'
        f'<p:X xmlns:p="urn:x">{inner}</p:X></n:Items></n:PullResponse></s:Body></s:Envelope>'
    )
    assert read_batch(reply.encode()).rows == [properties]
