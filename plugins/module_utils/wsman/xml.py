# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replies into element trees, refusing what no WS-Management service sends.

A node may be hostile or broken. There is no document type in a SOAP message (SOAP 1.2 part 1, section 5), so one is
refused before any entity of it exists; size and depth have caps; what isn't whole is an error.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.errors import MessageError

LARGEST_REPLY = 50 * 2**20
DEEPEST = 64


def parse(reply: bytes) -> Element:
    """Return the root element of a reply; names are in ElementTree's ``{namespace}local`` form.

    Raises:
        MessageError: for a document type, more than 50 MiB, more than 64 levels, or XML that isn't whole.
    """
    if len(reply) > LARGEST_REPLY:
        raise MessageError(
            f"The WS-Management reply has {len(reply)} bytes; more than {LARGEST_REPLY} are refused. "
            "A service that honours MaxEnvelopeSize never sends that much: look at what answers on this address."
        )
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate(namespace_separator="}")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise MessageError(f"The WS-Management reply is nested more than {DEEPEST} levels deep and is refused.")
        builder.start(_name(name), {_name(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_name(name))

    def refuse(*_arguments: object) -> None:
        raise MessageError("The WS-Management reply has a document type declaration and is refused: SOAP has none.")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(reply, True)
    except expat.ExpatError as error:
        raise MessageError(
            f"The WS-Management reply is no complete XML document ({error}); it begins with {reply[:80]!r}. "
            "Either it was cut off on the way, or something else than WinRM answers on this address."
        ) from error
    return builder.close()


def _name(expat_name: str) -> str:
    return "{" + expat_name if "}" in expat_name else expat_name


def local(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]
