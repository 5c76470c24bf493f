# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML as kubectl reads it: what looks like a date or like minutes and seconds is text.

PyYAML makes a date of an unquoted ``2024-01-31`` and 754 of ``12:34``. The library that kubectl reads manifests with
(go-yaml) keeps both as they are written; an annotation, a label or an environment variable may hold them.

And as that library does, it refuses a short text that aliases make into more data than a machine has, and the escape
of half a character, which no answer could hold. Two halves that JSON writes for one character are that character.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

try:
    from yaml import MappingNode, SafeLoader, ScalarNode
    from yaml.composer import ComposerError
except ImportError:  # the module that reads manifests names the missing library before it starts
    SafeLoader, ScalarNode, MappingNode, ComposerError = object, None, None, None

_TAG = "tag:yaml.org,2002:"
# go-yaml's decode.go: of a small document, nearly all may come out of aliases; of a large one, a tenth.
_FEW_ALIASED, _FEW_NODES = 100, 1_000
_SMALL, _SMALL_SHARE = 400_000, 0.99
_LARGE, _LARGE_SHARE = 4_000_000, 0.10


class ManifestLoader(SafeLoader):
    """A SafeLoader for manifests."""

    def resolve(self, kind, value, implicit):
        tag = super().resolve(kind, value, implicit)
        is_date = tag == f"{_TAG}timestamp"
        is_base_60 = kind is ScalarNode and ":" in value and tag in (f"{_TAG}int", f"{_TAG}float")
        return f"{_TAG}str" if is_date or is_base_60 else tag

    def compose_scalar_node(self, anchor):
        node = super().compose_scalar_node(anchor)
        try:
            node.value = node.value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise ComposerError(None, None, "found half of a character", node.start_mark) from None
        return node

    def compose_document(self):
        node = super().compose_document()
        if _is_excessive(node):
            raise ComposerError(None, None, "document contains excessive aliasing", node.start_mark)
        return node


def _is_excessive(root: Any) -> bool:
    """Whether aliases make too much of a document (go-yaml ``allowedAliasRatio``)."""
    sizes: dict[int, int] = {}
    nodes = _size(root, sizes)
    aliased = nodes - len(sizes)
    return aliased > _FEW_ALIASED and nodes > _FEW_NODES and aliased > nodes * _allowed_share(nodes)


def _allowed_share(nodes: int) -> float:
    if nodes <= _SMALL:
        return _SMALL_SHARE
    if nodes >= _LARGE:
        return _LARGE_SHARE
    return _SMALL_SHARE - (_SMALL_SHARE - _LARGE_SHARE) * (nodes - _SMALL) / (_LARGE - _SMALL)


def _size(node: Any, sizes: dict[int, int]) -> int:
    """The nodes that a node comes to with its aliases followed; ``sizes`` gets that of each node in the text."""
    if id(node) not in sizes:
        sizes[id(node)] = 0  # what one that contains itself counts as; it is refused where it is read
        sizes[id(node)] = 1 + sum(_size(child, sizes) for child in _children(node))
    return sizes[id(node)]


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, MappingNode):
        return (child for pair in node.value for child in pair)
    return iter(()) if isinstance(node, ScalarNode) else iter(node.value)
