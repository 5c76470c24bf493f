# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The manifests that a task means: read from it, or built from its options."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.manifest_yaml import ManifestLoader
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import list_members

from .access import build_permissions, build_service_account
from .errors import ClusterError
from .manifest import API_VERSIONS, OptionError, build_namespace, build_workload

try:
    from yaml import YAMLError, load_all
except ImportError:
    # AnsibleK8SModule names the missing library before anything here is called.
    YAMLError, load_all = ValueError, None

DEFAULT_USER = "NT AUTHORITY\\SYSTEM"


def definitions_to_apply(params: Mapping) -> list[dict]:
    """The manifests in the order in which they are applied: a namespace before what lives in it.

    Raises:
        ClusterError: they can't be read, are not Kubernetes objects, or an option does not fit.
    """
    definitions = _read(params) if _is_given(params) else _build(params)
    if params["create_namespace"]:
        definitions.insert(0, build_namespace(params["namespace"], params["namespace_labels"]))
    return sorted(definitions, key=lambda definition: definition["kind"] != "Namespace")


def definitions_to_remove(params: Mapping) -> list[dict]:
    """The manifests in the order in which they are deleted: what was applied first goes last.

    Of what was built beside the workload its permissions go too, because they are its own. A namespace and a service
    account may be others' as well, and are kept.
    """
    if _is_given(params):
        return list(reversed(_read(params)))
    metadata = {"name": params["name"], "namespace": params["namespace"]}
    workload = {"apiVersion": API_VERSIONS[params["kind"]], "kind": params["kind"], "metadata": metadata}
    return [workload, *reversed(build_permissions(params))]


def _is_given(params: Mapping) -> bool:
    return params["definition"] is not None or params["src"] is not None


def _build(params: Mapping) -> list[dict]:
    defaults = {"run_as": DEFAULT_USER, "tolerate_windows_taint": True}
    options = {**params, **{name: value for name, value in defaults.items() if params.get(name) is None}}
    try:
        workload = build_workload(options)
    except OptionError as error:
        raise ClusterError(f"{params['kind']} {params['name']} can't be built: {error}.") from error
    account = [build_service_account(params["service_account"], params["namespace"])]
    return [*(account if params["create_service_account"] else []), *build_permissions(params), workload]


def _read(params: Mapping) -> list[dict]:
    where = f"the file {params['src']}" if params["src"] else "the definition"
    try:
        documents = _documents_of_file(params["src"]) if params["src"] else _documents(params["definition"])
        # What an anchor shares between objects must not be shared when one of them gets its namespace.
        definitions = [deepcopy(dict(one)) for one in _objects(documents)]
        for definition in definitions:
            json.dumps(definition, allow_nan=False, default=str)
    except RecursionError as error:
        raise ClusterError(
            f"Failed to read manifests from {where}: it is nested too deeply, or an alias in it contains itself."
        ) from error
    except (OSError, ValueError, TypeError, YAMLError) as error:
        raise ClusterError(f"Failed to read manifests from {where}: {error}.") from error
    if not definitions:
        raise ClusterError(f"There are no manifests in {where}.")
    for number, definition in enumerate(definitions, start=1):
        _check_head(definition, f"Manifest {number} of {where}")
    return definitions


def _documents_of_file(path: str) -> list:
    with open(path, "rb") as file:
        return list(load_all(file, Loader=ManifestLoader))


def _documents(definition: Any) -> list:
    """What a definition holds: data as it is, texts read; a list may have both."""
    if isinstance(definition, str):
        return list(load_all(definition, Loader=ManifestLoader))
    if isinstance(definition, list):
        return [document for one in definition for document in (_documents(one) if isinstance(one, str) else [one])]
    return [definition]


def _objects(documents: Iterable) -> Iterator[Mapping]:
    """Objects out of documents; a List yields its items, whatever is empty nothing."""
    for document in documents:
        if isinstance(document, (list, tuple)):
            yield from _objects(document)
        elif document is not None and not isinstance(document, Mapping):
            raise ValueError(f"a manifest is a mapping with apiVersion and kind, not {document!r:.60}")
        elif document and (members := list_members(document)) is not None:
            yield from _objects(members)
        elif document:
            yield document


def _check_head(definition: Mapping, which: str) -> None:
    """What names an object must be there, and be text.

    Raises:
        ClusterError: it isn't.
    """
    metadata = definition.get("metadata")
    if metadata is not None and not isinstance(metadata, Mapping):
        raise ClusterError(f"{which} has metadata that is no mapping: {metadata!r:.60}.")
    metadata = metadata or {}
    head = {**{name: definition.get(name) for name in ("apiVersion", "kind")}, "metadata.name": metadata.get("name")}
    missing = [name for name, value in head.items() if value is None or value == ""]
    if missing:
        raise ClusterError(f"{which} has no {' and no '.join(missing)}.")
    for name, value in {**head, "metadata.namespace": metadata.get("namespace") or ""}.items():
        if not isinstance(value, str):
            raise ClusterError(f"{which} has an unusable {name}, which is no text: {value!r:.60}. Put it in quotes.")
