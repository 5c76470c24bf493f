# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Manifests out of files and texts, and the line at which a field stands.

* ``from_text(text, source) -> list[Document]``          YAML (or JSON), several documents, Lists opened
* ``from_value(value, source) -> list[Document]``        what Ansible has read already: a mapping or a list of them
* ``manifest_files(paths) -> list[str]``                 folders searched for .yaml, .yml and .json
* ``Document.line(field) -> int | None``
"""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

try:
    import yaml

    YAML_IMPORT_ERROR = None
except ImportError:  # the module that uses this asks HAS_YAML before it starts
    yaml = None
    YAML_IMPORT_ERROR = traceback.format_exc()

from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.errors import UnreadableManifestError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import ManifestError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.manifest_yaml import ManifestLoader
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import list_members, objects

HAS_YAML = yaml is not None
SUFFIXES = (".yaml", ".yml", ".json")
_STEP = re.compile(r"\[(\d+)\]|\[([^\]]+)\]|([^.\[]+)")


class Document(NamedTuple):
    """An object and where it came from. ``node`` is its place in the YAML, None if it never was text."""

    body: dict[str, Any]
    source: str
    node: Any = None

    def line(self, field: str) -> int | None:
        """Return the line of a field (``spec.containers[0].image``), or of the nearest thing around it, from 1."""
        return None if self.node is None else _nearest(self.node, list(_steps(field))).start_mark.line + 1


def from_text(text: str, source: str) -> list[Document]:
    """Read the objects of a YAML text.

    Raises:
        UnreadableManifestError: the text is no YAML, or a document in it is no object.
    """
    try:
        bodies = list(yaml.load_all(text, Loader=ManifestLoader))
        nodes = list(yaml.compose_all(text, Loader=ManifestLoader))
        return [found for body, node in zip(bodies, nodes, strict=True) for found in _documents(body, node, source)]
    except RecursionError as error:
        raise UnreadableManifestError(_too_deep(source)) from error
    # A number can be wrong too.
    except (yaml.YAMLError, ManifestError, ValueError) as error:
        raise UnreadableManifestError(f"{source} can't be read as Kubernetes manifests: {error}") from error


def from_file(path: str) -> list[Document]:
    """Read the objects of a file.

    Raises:
        UnreadableManifestError: the file can't be read, or what is in it.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            return from_text(stream.read(), path)
    except UnreadableManifestError:
        raise
    # A path can be none, and a file no text.
    except (OSError, ValueError) as error:
        raise UnreadableManifestError(f"{path} can't be read: {error}") from error


def from_value(value: Any, source: str) -> list[Document]:
    """Take objects that are data already.

    Raises:
        UnreadableManifestError: something among them is no object.
    """
    try:
        return [Document(body, source) for body in objects([value])]
    except RecursionError as error:
        raise UnreadableManifestError(_too_deep(source)) from error
    except ManifestError as error:
        raise UnreadableManifestError(f"{source} is no Kubernetes manifest: {error}") from error


def _too_deep(source: str) -> str:
    return f"{source} can't be read as Kubernetes manifests: it is nested too deeply, or an alias in it contains itself"


def manifest_files(paths: Iterable[str]) -> list[str]:
    """Return files as they are and the manifests below folders, sorted, each once.

    Raises:
        UnreadableManifestError: a path doesn't exist, or a folder has no manifest.
    """
    found: dict[str, None] = {}
    for path in paths:
        found |= dict.fromkeys(_below(path) if os.path.isdir(path) else [path])
    return list(found)


def _below(folder: str) -> list[str]:
    files = (os.path.join(where, name) for where, _folders, names in os.walk(folder) for name in names)
    manifests = sorted(path for path in files if path.endswith(SUFFIXES))
    if not manifests:
        raise UnreadableManifestError(f"no file below {folder} ends in {', '.join(SUFFIXES)}")
    return manifests


def _documents(body: Any, node: Any, source: str) -> Iterator[Document]:
    """Objects with their nodes; the members of a List are found in it one by one."""
    members = list_members(body) if isinstance(body, dict) else None
    if members is not None:
        for index, item in enumerate(members):
            yield from _documents(item, _nearest(node, ["items", index]), source)
    else:
        for found in objects([body]):
            yield Document(found, source, node)


def _steps(field: str) -> Iterator[str | int]:
    for index, key, name in _STEP.findall(field):
        yield int(index) if index else (key or name)


def _nearest(node: Any, steps: list[str | int]) -> Any:
    """Go as far as the steps lead; of a mapping's pair the key is returned, whose line is the nicer one."""
    shown = node
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == step), None)
            if pair is None:
                break
            shown, node = pair
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            shown = node = node.value[step]
        else:
            break
    return shown
