# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the API server decides about a pod's Windows security options, before it is asked.

* ``validate(definition, kubernetes_version=..., ...) -> list[FieldError]``
* ``validate_pods(definition, ...)``         the same for the pods that the object makes, if only they are refused
* ``refusal(definition, errors) -> str``      the errors in one message, as the API server puts them

Same verdict, field, text and order as kube-apiserver 1.22 to 1.37, for Pods and for every workload kind's template.
Sources: facts sections 1.1 to 1.5, and kubernetes v1.29.6 to v1.37.2 pkg/apis/core/validation for what changed
between releases; proved against real API servers in tests/differential. Only errors about Windows
security options and host networking are found: an object that passes here can still be refused for something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules import user_name
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.field_error import (
    FieldError,
    duplicate,
    forbidden,
    invalid,
    required,
    unsupported,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.field_types import type_errors
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import (
    Container,
    Pod,
    at,
    containers,
    effective_option,
    find_pod,
    windows_options,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.release import (
    NEWEST,
    Release,
    is_enabled,
    parse_gates,
    parse_release,
)

LARGEST_CREDENTIAL_SPEC = 64 * 1024
LONGEST_SUBDOMAIN = 253
SYSTEMS = ("linux", "windows")
JSON_VALUES_SINCE = Release(1, 34)  # before, values were shown as Go literals
# Before, the API server did not look into a StatefulSet's template: the set was made and its pods were refused.
STATEFUL_SET_TEMPLATES_SINCE = Release(1, 34)
WINDOWS_STOP_SIGNALS = ("SIGKILL", "SIGTERM")

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


class ApiServer(NamedTuple):
    """The API server whose decision is asked for."""

    release: Release
    allow_privileged: bool
    feature_gates: dict[str, bool]

    def has(self, gate: str) -> bool:
        """Whether a feature gate is on."""
        return is_enabled(gate, self.release, self.feature_gates)


Rule = Callable[[Pod, ApiServer], Iterator[FieldError]]


def validate(
    definition: dict[str, Any],
    kubernetes_version: str = NEWEST,
    allow_privileged: bool = True,
    feature_gates: dict[str, bool] | None = None,
    existing: bool = False,
) -> list[FieldError]:
    """Return the API server's objections to an object; empty for a kind that has no pod.

    Args:
        definition: the object as a mapping. Values of a wrong type are refused in this collection's own words,
            because the API server's speak of Go.
        kubernetes_version: of the API server, ``"1.36"`` or ``"v1.36.3"``, from 1.22 on.
        allow_privileged: whether kube-apiserver runs with ``--allow-privileged``.
        feature_gates: gates set on kube-apiserver that matter here; the release's defaults otherwise.
        existing: the object is in the cluster, so it may have ephemeral containers.

    Raises:
        RulesError: the version is none, or older than HostProcess containers; a gate is neither on nor off.
    """
    server = _api_server(kubernetes_version, allow_privileged, feature_gates)
    pod = find_pod(definition)
    if pod is None or (_is_taken_unseen(pod, server) and not any(type_errors(definition))):
        return []
    return list(type_errors(definition)) or _pod_errors(pod, server, existing)


def validate_pods(
    definition: dict[str, Any],
    kubernetes_version: str = NEWEST,
    allow_privileged: bool = True,
    feature_gates: dict[str, bool] | None = None,
) -> list[FieldError]:
    """Return what is wrong with a template that the API server takes all the same: its pods will be refused for it.

    A StatefulSet's isn't looked at before 1.34. Of any kind's, the pods get host ports that the template hasn't (since
    1.28, see with_default_ports), and two of them may be the same. The paths are the object's.
    """
    server = _api_server(kubernetes_version, allow_privileged, feature_gates)
    pod = find_pod(definition)
    if pod is None or not pod.is_template or validate(definition, kubernetes_version, allow_privileged, feature_gates):
        return []
    return _pod_errors(pod.as_made(), server, existing=False)


def _api_server(version: str, allow_privileged: bool, feature_gates: dict[str, bool] | None) -> ApiServer:
    return ApiServer(parse_release(version), allow_privileged, parse_gates(feature_gates or {}))


def _is_taken_unseen(pod: Pod, server: ApiServer) -> bool:
    return pod.kind == "StatefulSet" and server.release < STATEFUL_SET_TEMPLATES_SINCE


def _pod_errors(pod: Pod, server: ApiServer, existing: bool) -> list[FieldError]:
    rules = POD_SPEC_RULES if existing else (*POD_SPEC_RULES, ephemeral_containers_at_creation)
    errors = [error for rule in rules for error in rule(with_default_ports(pod, server), server)]
    return errors if server.release >= JSON_VALUES_SINCE else [error._replace(as_go=True) for error in errors]


def refusal(definition: dict[str, Any], errors: list[FieldError]) -> str:
    """Return the message of the API server's Status for these errors, ``Pod "name" is invalid: …``."""
    kind, name = str(definition.get("kind")), str(at(definition, "metadata", "name") or "")
    group = str(definition.get("apiVersion", "")).rpartition("/")[0]
    texts = list(dict.fromkeys(str(error) for error in errors))
    shown = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return f'{kind}{"." if group else ""}{group} "{name}" is invalid: {shown}'


# --- containers ---------------------------------------------------------------------------------------------------


def regular_containers(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """Options of the regular containers, each with its stop signal, then ports that two of them claim."""
    regular = [container for container in containers(pod) if container.field == "containers"]
    for container in regular:
        yield from container_options(container)
        yield from stop_signal(pod, container, server)
    yield from port_conflicts(regular)


def init_containers(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """Options of the init containers; they run one by one, so each has its ports for itself.

    The API server names the first init container in a port conflict, whichever it is.
    """
    for container in containers(pod):
        if container.field == "initContainers":
            yield from container_options(container)
            yield from port_conflicts([container._replace(path=f"{pod.path}.initContainers[0]")])
            if container.body.get("restartPolicy") == "Always":
                yield from stop_signal(pod, container, server)


def ephemeral_containers(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """Options of the ephemeral containers."""
    for container in containers(pod):
        if container.field == "ephemeralContainers":
            yield from container_options(container)


def container_options(container: Container) -> Iterator[FieldError]:
    """The container's windowsOptions, each for itself."""
    yield from option_errors(windows_options(container.body), f"{container.path}.securityContext.windowsOptions")


def option_errors(options: dict[str, Any], path: str) -> Iterator[FieldError]:
    """gMSA fields and runAsUserName (facts 1.2)."""
    name = options.get("gmsaCredentialSpecName")
    if name is not None:
        yield from (invalid(f"{path}.gmsaCredentialSpecName", name, text) for text in subdomain_problems(name))
    credential_spec = options.get("gmsaCredentialSpec")
    if credential_spec == "":
        text = "gmsaCredentialSpec cannot be an empty string"
        yield invalid(f"{path}.gmsaCredentialSpec", credential_spec, text)
    elif credential_spec is not None and user_name.byte_length(credential_spec) > LARGEST_CREDENTIAL_SPEC:
        text = "gmsaCredentialSpec size must be under 64 KiB"
        yield invalid(f"{path}.gmsaCredentialSpec", credential_spec, text)
    user = options.get("runAsUserName")
    if user is not None:
        yield from (invalid(f"{path}.runAsUserName", user, text) for text in user_name.problems(user))


def subdomain_problems(name: str) -> Iterator[str]:
    """What keeps a name from being a DNS-1123 subdomain."""
    if user_name.byte_length(name) > LONGEST_SUBDOMAIN:
        yield f"must be no more than {LONGEST_SUBDOMAIN} characters"
    if not _SUBDOMAIN.fullmatch(name):
        yield _SUBDOMAIN_TEXT


def stop_signal(pod: Pod, container: Container, server: ApiServer) -> Iterator[FieldError]:
    """lifecycle.stopSignal (facts 1.3)."""
    signal = at(container.body, "lifecycle", "stopSignal")
    if signal is None or not server.has("ContainerStopSignals"):
        return
    path = f"{container.path}.lifecycle.stopSignal"
    if pod.spec.get("os") is None:
        yield forbidden(path, "may not be set for containers with empty `spec.os.name`")
    elif at(pod.spec, "os", "name") == "windows" and signal not in WINDOWS_STOP_SIGNALS:
        yield unsupported(path, signal, WINDOWS_STOP_SIGNALS)


# --- host networking ----------------------------------------------------------------------------------------------


def with_default_ports(pod: Pod, server: ApiServer) -> Pod:
    """Return the pod with its host ports as the API server fills them in; a template keeps its own since 1.28."""
    if pod.spec.get("hostNetwork") is not True or (pod.is_template and server.release >= (1, 28)):
        return pod
    spec = dict(pod.spec)
    for field in ("initContainers", "containers"):
        if spec.get(field):
            spec[field] = [_with_host_ports(body) for body in spec[field]]
    return pod._replace(spec=spec)


def _with_host_ports(body: dict[str, Any]) -> dict[str, Any]:
    ports = [
        {**port, "hostPort": port.get("hostPort") or port.get("containerPort")} for port in body.get("ports") or []
    ]
    return {**body, "ports": ports}


def port_conflicts(group: list[Container]) -> Iterator[FieldError]:
    """Host ports that are claimed twice."""
    claimed = set()
    for container in group:
        for index, port in enumerate(container.body.get("ports") or []):
            if not port.get("hostPort"):
                continue
            claim = f"{port.get('protocol') or 'TCP'}/{port.get('hostIP') or ''}/{port['hostPort']}"
            if claim in claimed:
                yield duplicate(_port_path(container, index), claim)
            claimed.add(claim)


def host_network_ports(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """On the host's network a container's port is the host's port (facts 1.4)."""
    if pod.spec.get("hostNetwork") is not True:
        return
    for container in containers(pod):
        if container.field != "containers":
            continue
        for index, port in enumerate(container.body.get("ports") or []):
            host_port = port.get("hostPort") or 0
            if (host_port or not pod.is_template) and host_port != port.get("containerPort"):
                text = "must match `containerPort` when `hostNetwork` is true"
                yield invalid(_port_path(container, index), host_port, text)


def _port_path(container: Container, index: int) -> str:
    return f"{container.path}.ports[{index}].hostPort"


# --- the pod ------------------------------------------------------------------------------------------------------


def pod_resources(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """Pod-level resources don't exist on Windows (facts 1.3)."""
    known = server.has("PodLevelResources") and server.release >= (1, 34)
    if known and at(pod.spec, "os", "name") == "windows" and pod.spec.get("resources") is not None:
        yield forbidden(f"{pod.path}.resources", "may not be set for a windows pod")


def pod_options(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """The pod's own windowsOptions."""
    yield from option_errors(windows_options(pod.spec), f"{pod.path}.securityContext.windowsOptions")


def hostprocess(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """The four rules of HostProcess pods (facts 1.1), and what a switched-off gate makes of them (facts 1.5)."""
    if not server.has("WindowsHostProcessContainers"):
        yield from hostprocess_without_gate(pod, server)
        return
    visited = _visited(pod, server)
    yield from (error for container in visited for error in contradiction(pod, container))
    chosen = [effective_option(pod, container, "hostProcess") is True for container in visited]
    if not any(chosen):
        return
    if not all(chosen):
        text = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        yield invalid(pod.path, "", text)
    if pod.spec.get("hostNetwork") is not True:
        text = "hostNetwork must be true if pod contains any hostProcess containers"
        yield invalid(f"{pod.path}.hostNetwork", False, text)
    if not server.allow_privileged:
        yield forbidden(pod.path, "hostProcess containers are disallowed by cluster policy")


def contradiction(pod: Pod, container: Container) -> Iterator[FieldError]:
    """Pod and container both say something, and not the same."""
    of_pod, of_container = (windows_options(body).get("hostProcess") for body in (pod.spec, container.body))
    if of_pod is not None and of_container is not None and of_pod != of_container:
        text = f"pod hostProcess value must be identical if both are specified, was {str(of_pod).lower()}"
        yield invalid(f"{container.path}.securityContext.windowsOptions.hostProcess", of_container, text)


def hostprocess_without_gate(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """1.22 to 1.25 with the gate off: the field itself is refused. Texts from the source, their order inferred."""
    not_allowed = "not allowed when feature gate 'WindowsHostProcessContainers' is not enabled"
    if windows_options(pod.spec).get("hostProcess") is not None:
        yield forbidden(f"{pod.path}.securityContext.windowsOptions.hostProcess", not_allowed)
        return
    own = [windows_options(container.body).get("hostProcess") for container in _visited(pod, server)]
    for container, value in zip(_visited(pod, server), own, strict=True):
        if value is not None:
            yield forbidden(f"{container.path}.securityContext.windowsOptions.hostProcess", not_allowed)
    if True in own:
        text = "pod must not contain Windows hostProcess containers when feature gate"
        yield forbidden(pod.path, f"{text} 'WindowsHostProcessContainers' is not enabled")


def _visited(pod: Pod, server: ApiServer) -> list[Container]:
    """The containers that the rules look at: ephemeral ones are left out in 1.22 (inferred, facts 1.5)."""
    everything = list(containers(pod))
    if server.release >= (1, 23):
        return everything
    return [container for container in everything if container.field != "ephemeralContainers"]


def host_users(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """User namespaces and the host's namespaces exclude each other. The capitals in two paths are the API server's."""
    if pod.spec.get("hostUsers") is not False or not server.has("UserNamespacesSupport"):
        return
    text = f"when `{'hostUsers' if server.release >= (1, 34) else 'pod.Spec.HostUsers'}` is false"
    if pod.spec.get("hostNetwork") is True and not server.has("UserNamespacesHostNetworkSupport"):
        yield forbidden(f"{pod.path}.hostNetwork", text)
    for field, shown in (("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if pod.spec.get(field) is True:
            yield forbidden(f"{pod.path}.{shown}", text)


def hostname_override(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """A host-network pod has the host's name."""
    if pod.spec.get("hostnameOverride") is None or not server.has("HostnameOverride"):
        return
    if pod.spec.get("hostNetwork") is True:
        yield forbidden(f"{pod.path}.hostnameOverride", "may not be specified when hostNetwork is true")


# --- spec.os ------------------------------------------------------------------------------------------------------

# Fields that a pod with spec.os.name: windows may not set, in the API server's order, with the gate without which
# the field doesn't exist. The test is whether the field is there at all, except for those in TRUE_OR_FILLED.
BEFORE_HOST_FIELDS = (("appArmorProfile", "AppArmorFields"), ("seLinuxOptions", None))
HOST_FIELDS = (("hostUsers", "UserNamespacesSupport"), ("hostPID", None), ("hostIPC", None))
AFTER_HOST_FIELDS = (("seccompProfile", None), ("fsGroup", None), ("fsGroupChangePolicy", None), ("sysctls", None))
SHARED_NAMESPACE = (("shareProcessNamespace", None),)
LAST_FIELDS = (
    ("runAsUser", None),
    ("runAsGroup", None),
    ("supplementalGroups", None),
    ("supplementalGroupsPolicy", "SupplementalGroupsPolicy"),
    ("seLinuxChangePolicy", "SELinuxChangePolicy"),
)
UP_TO_1_36 = (*BEFORE_HOST_FIELDS, *HOST_FIELDS, *AFTER_HOST_FIELDS, *SHARED_NAMESPACE, *LAST_FIELDS)
SINCE_1_37 = (*BEFORE_HOST_FIELDS, *AFTER_HOST_FIELDS, *LAST_FIELDS, *HOST_FIELDS, *SHARED_NAMESPACE)
ON_THE_SPEC = frozenset(field for field, _gate in (*HOST_FIELDS, *SHARED_NAMESPACE))
TRUE_OR_FILLED = frozenset({"hostPID", "hostIPC", "sysctls"})

CONTAINER_FIELDS_NOT_ON_WINDOWS = (
    ("appArmorProfile", "AppArmorFields"),
    ("seLinuxOptions", None),
    ("seccompProfile", None),
    ("capabilities", None),
    ("readOnlyRootFilesystem", None),
    ("privileged", None),
    ("allowPrivilegeEscalation", None),
    ("procMount", None),  # without its gate it is set to its default, not dropped
    ("runAsUser", None),
    ("runAsGroup", None),
)


def operating_system(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """spec.os.name and what it rules out (facts 1.3)."""
    if pod.spec.get("os") is None or not server.has("IdentifyPodOS"):
        return
    name = pod.spec["os"].get("name")
    if not name:
        yield required(f"{pod.path}.os.name", "" if server.release >= (1, 34) else "cannot be empty")
    elif name not in SYSTEMS:
        yield unsupported(f"{pod.path}.os", name, SYSTEMS)
    elif name == "linux":
        yield from linux_pod(pod)
    else:
        yield from windows_pod(pod, server)


def linux_pod(pod: Pod) -> Iterator[FieldError]:
    """A Linux pod has no Windows options, not even empty ones."""
    places = [(pod.path, pod.spec), *((container.path, container.body) for container in containers(pod))]
    for path, body in places:
        if at(body, "securityContext", "windowsOptions") is not None:
            yield forbidden(f"{path}.securityContext.windowsOptions", "windows options cannot be set for a linux pod")


def windows_pod(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """A Windows pod has none of the Linux options."""
    for field, gate in SINCE_1_37 if server.release >= (1, 37) else UP_TO_1_36:
        path, body = ("", pod.spec) if field in ON_THE_SPEC else (".securityContext", _security_context(pod.spec))
        if _is_set(body, field) and (gate is None or server.has(gate)):
            yield forbidden(f"{pod.path}{path}.{field}", "cannot be set for a windows pod")
    for container in containers(pod):
        body = _security_context(container.body)
        for field, gate in CONTAINER_FIELDS_NOT_ON_WINDOWS:
            if _is_set(body, field) and (gate is None or server.has(gate)):
                yield forbidden(f"{container.path}.securityContext.{field}", "cannot be set for a windows pod")


def _is_set(body: dict[str, Any], field: str) -> bool:
    return bool(body.get(field)) if field in TRUE_OR_FILLED else body.get(field) is not None


def _security_context(body: dict[str, Any]) -> dict[str, Any]:
    return body.get("securityContext") or {}


def ephemeral_containers_at_creation(pod: Pod, server: ApiServer) -> Iterator[FieldError]:
    """Ephemeral containers are added to a running pod, never created with it."""
    if pod.spec.get("ephemeralContainers"):
        text = "ephemeral containers not allowed in pod template" if pod.is_template else "cannot be set on create"
        yield forbidden(f"{pod.path}.ephemeralContainers", text)


# In the order in which the API server asks.
POD_SPEC_RULES: tuple[Rule, ...] = (
    regular_containers,
    init_containers,
    ephemeral_containers,
    pod_resources,
    host_network_ports,
    pod_options,
    hostprocess,
    host_users,
    hostname_override,
    operating_system,
)
