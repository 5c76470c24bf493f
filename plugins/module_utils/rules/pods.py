# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pods in manifests: Pod itself, the template of every workload kind, members of a List.

* ``objects(documents) -> Iterator[dict]``          Lists opened, empty documents left out
* ``list_members(document) -> list | None``         what a List holds, each with its kind
* ``find_pod(definition) -> Pod | None``            the pod that an object is or makes
* ``containers(pod) -> Iterator[Container]``        init, regular, ephemeral: the order in which the API server visits
* ``effective_option(pod, container, name)``       a windowsOptions value: the container's, else the pod's
* ``is_hostprocess(pod) -> bool``                   at least one container is a HostProcess container
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import ManifestError

# Kind -> API group and where its pod spec is.
POD_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Pod": ("", ("spec",)),
    "PodTemplate": ("", ("template", "spec")),
    "ReplicationController": ("", ("spec", "template", "spec")),
    "DaemonSet": ("apps", ("spec", "template", "spec")),
    "Deployment": ("apps", ("spec", "template", "spec")),
    "ReplicaSet": ("apps", ("spec", "template", "spec")),
    "StatefulSet": ("apps", ("spec", "template", "spec")),
    "Job": ("batch", ("spec", "template", "spec")),
    "CronJob": ("batch", ("spec", "jobTemplate", "spec", "template", "spec")),
}
CONTAINER_FIELDS = ("initContainers", "containers", "ephemeralContainers")


class Pod(NamedTuple):
    """A pod or a pod template, with the path that leads to its spec (``spec.template.spec``)."""

    kind: str
    name: str
    namespace: str | None
    path: str
    metadata: dict[str, Any]
    spec: dict[str, Any]
    owner_metadata: dict[str, Any]

    @property
    def is_template(self) -> bool:
        """Whether this is the template of another object."""
        return self.kind != "Pod"

    def as_made(self) -> Pod:
        """The pod that a controller makes of the template; the paths stay the template's."""
        return self._replace(kind="Pod")


class Container(NamedTuple):
    """A container and the path to it; ``field`` is one of CONTAINER_FIELDS."""

    field: str
    index: int
    path: str
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The container's name, or its place where it has none."""
        return str(self.body.get("name") or f"{self.field}[{self.index}]")


def objects(documents: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Yield every object of some YAML documents; a List yields its items, an empty document nothing.

    Raises:
        ManifestError: a document is neither empty nor a mapping.
    """
    for document in documents:
        if document is None:
            continue
        if isinstance(document, (list, tuple)):
            yield from objects(document)
        elif not isinstance(document, dict):
            raise ManifestError(f"a manifest must be a mapping with apiVersion and kind, not {type(document).__name__}")
        elif (members := list_members(document)) is not None:
            yield from objects(members)
        else:
            yield document


def list_members(document: Mapping[str, Any]) -> list[Any] | None:
    """Return what a List holds; None for any other object.

    Members of a DaemonSetList may leave out that they are DaemonSets, as the API server does; here they say it. Other
    groups have kinds whose names end in List too; those have no items.
    """
    kind, items = document.get("kind"), document.get("items", "")
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(items, (list, type(None)))):
        return None
    of_members = kind.removesuffix("List")
    given = {"apiVersion": document.get("apiVersion"), "kind": of_members} if of_members else {}
    head = {field: value for field, value in given.items() if value}
    return [{**head, **item} if isinstance(item, Mapping) and item else item for item in items or []]


def find_pod(definition: dict[str, Any]) -> Pod | None:
    """Return the pod that an object is or makes; None for a kind without one, or of somebody else's API group."""
    kind = definition.get("kind")
    if not isinstance(kind, str) or kind not in POD_KINDS:
        return None
    group, steps = POD_KINDS[kind]
    if "apiVersion" in definition and _group(definition["apiVersion"]) != group:
        return None
    owner = at(definition, *steps[:-1]) if len(steps) > 1 else definition
    metadata = _mapping(definition.get("metadata"))
    return Pod(
        kind=kind,
        name=str(metadata.get("name") or metadata.get("generateName") or ""),
        namespace=metadata.get("namespace"),
        path=".".join(steps),
        metadata=_mapping(_mapping(owner).get("metadata")),
        spec=_mapping(at(definition, *steps)),
        owner_metadata=metadata,
    )


def containers(pod: Pod) -> Iterator[Container]:
    """Yield a pod's containers in the order in which the API server visits them."""
    for field in CONTAINER_FIELDS:
        bodies = pod.spec.get(field)
        for index, body in enumerate(bodies if isinstance(bodies, list) else []):
            yield Container(field, index, f"{pod.path}.{field}[{index}]", _mapping(body))


def annotations(pod: Pod) -> dict[str, Any]:
    """Return the annotations that the pod itself has or will have."""
    return _mapping(pod.metadata.get("annotations"))


def windows_options(body: dict[str, Any]) -> dict[str, Any]:
    """Return the windowsOptions of a pod spec or a container, empty if there are none."""
    return _mapping(at(body, "securityContext", "windowsOptions"))


def effective_option(pod: Pod, container: Container, name: str) -> Any:
    """Return a windowsOptions value as it applies to a container: its own, else the pod's, else None."""
    own = windows_options(container.body).get(name)
    return windows_options(pod.spec).get(name) if own is None else own


def is_hostprocess(pod: Pod) -> bool:
    """Tell whether at least one container of the pod is, or inherits being, a HostProcess container."""
    return any(effective_option(pod, container, "hostProcess") is True for container in containers(pod))


def at(body: Any, *steps: str) -> Any:
    """Return what lies at the end of some keys, or None if the way is interrupted."""
    for step in steps:
        if not isinstance(body, dict):
            return None
        body = body.get(step)
    return body


def _mapping(body: Any) -> dict[str, Any]:
    return body if isinstance(body, dict) else {}


def _group(api_version: Any) -> str:
    group, slash, _version = str(api_version).partition("/")
    return group if slash else ""
