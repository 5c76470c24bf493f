# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the PodSecurity admission plugin makes of a pod, in its own words, given the labels of its namespace.

* ``predict(definition, namespace_labels, kubernetes_version=...) -> Prediction | None``
* ``violations(pod, level, policy_version, kubernetes_version) -> list[Violation]``

Sources: facts section 2 and k8s.io/pod-security-admission v0.36.3; proved against the real plugin in
tests/differential. Every check is here that a pod can fail without a Linux-only field (AppArmor, SELinux, seccomp
profiles, added capabilities, sysctls, procMount), which a Windows pod can't set. Exemptions that an administrator
configured in the API server can't be seen from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import (
    Container,
    Pod,
    at,
    containers,
    find_pod,
    windows_options,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.release import NEWEST, Release, parse_release
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.validation import (
    ApiServer,
    with_default_ports,
)

LEVELS = ("privileged", "baseline", "restricted")
LABEL = "pod-security.kubernetes.io/"
_POLICY_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)")


class Violation(NamedTuple):
    """One failed check: the plugin's reason and detail, ``host namespaces`` and ``hostNetwork=true``."""

    check: str
    level: str
    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})"


class Policy(NamedTuple):
    """A level and the policy version it is read in: ``baseline:latest``."""

    level: str
    version: str

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"


class Prediction(NamedTuple):
    """What will happen to an object.

    ``refusal`` is the API server's message, or None: only Pods are refused themselves. ``warning`` is the warning it
    sends along, or None. ``pods_refusal`` is what a workload's own pods will fail with after the workload was
    accepted, or None. ``fix`` says which label to set, or is empty.
    """

    refusal: str | None
    warning: str | None
    pods_refusal: str | None
    fix: str


Check = Callable[[Pod], "tuple[str, str] | None"]


def predict(
    definition: dict[str, Any], namespace_labels: dict[str, str], kubernetes_version: str = NEWEST
) -> Prediction | None:
    """Tell what PodSecurity does with an object in a namespace with these labels; None for a kind without a pod.

    An unlabelled namespace counts as privileged, which is the API server's default where nobody configured another.
    """
    pod = find_pod(definition)
    if pod is None:
        return None
    enforce, warn = enforced_policy(namespace_labels), warned_policy(namespace_labels)
    # A template is warned of as it stands; what is refused is the pod that a controller makes of it.
    refused = _summary(pod.as_made(), enforce, kubernetes_version)
    warned = _summary(pod, warn, kubernetes_version)
    violates = f'violates PodSecurity "{enforce}": {refused}' if refused else None
    warning = f'would violate PodSecurity "{warn}": {warned}' if warned else None
    fix = f"Label the namespace {LABEL}enforce=privileged, or use one that is." if refused else ""
    if pod.is_template:
        return Prediction(None, warning, violates, fix)
    refusal = f'pods "{pod.name}" is forbidden: {violates}' if violates else None
    return Prediction(refusal, None if violates else warning, None, fix)


def enforced_policy(labels: dict[str, str]) -> Policy:
    """Return the policy that decides. A label nobody understands counts as restricted, as it does for the plugin."""
    return Policy(_level(labels.get(f"{LABEL}enforce", "privileged")), _version(labels, "enforce"))


def warned_policy(labels: dict[str, str]) -> Policy:
    """Return the policy that is warned of: its own labels, else the enforced one where that is stricter."""
    enforce = enforced_policy(labels)
    if f"{LABEL}warn" in labels:
        level = labels[f"{LABEL}warn"]
        return Policy(level if level in LEVELS else "privileged", _version(labels, "warn"))
    if enforce.level == "privileged" or labels.get(f"{LABEL}enforce") not in LEVELS:
        return Policy("privileged", _version(labels, "warn"))
    return Policy(enforce.level, _version(labels, "warn") if f"{LABEL}warn-version" in labels else enforce.version)


def violations(pod: Pod, level: str, policy_version: str, kubernetes_version: str) -> list[Violation]:
    """Return the checks of a level that a pod fails, in the plugin's order: baseline by id, then restricted by id.

    Args:
        pod: as in the manifest; host ports are filled in as the API server does.
        level: privileged, baseline or restricted.
        policy_version: ``latest`` or ``v1.25``.
        kubernetes_version: of the API server, which knows no check that is newer than itself.
    """
    server = parse_release(kubernetes_version)
    asked = server if policy_version == "latest" else min(server, parse_policy_version(policy_version))
    filled = with_default_ports(pod, ApiServer(server, True, {}))
    failed = ((row, row.judge(filled)) for row in CHECKS if row.applies(level, asked, filled))
    return [Violation(row.id, row.level, *words) for row, words in failed if words is not None]


def parse_policy_version(policy_version: str) -> Release:
    """Read ``v1.25``; anything else counts as the newest, as it does for the plugin."""
    shape = _POLICY_VERSION.fullmatch(policy_version)
    return Release(1, int(shape[1])) if shape else Release(1, 10**6)


def _summary(pod: Pod, policy: Policy, kubernetes_version: str) -> str:
    return ", ".join(map(str, violations(pod, policy.level, policy.version, kubernetes_version)))


def _level(text: str) -> str:
    return text if text in LEVELS else "restricted"


def _version(labels: dict[str, str], mode: str) -> str:
    value = labels.get(f"{LABEL}{mode}-version", "latest")
    # 1.25 without quotes is a number; the API server takes null for an empty text.
    text = "" if value is None else str(value)
    return text if _POLICY_VERSION.fullmatch(text) else "latest"


# --- baseline -----------------------------------------------------------------------------------------------------


def host_namespaces(pod: Pod) -> tuple[str, str] | None:
    """Network, process or IPC namespace of the host."""
    used = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if pod.spec.get(field) is True]
    return ("host namespaces", ", ".join(used)) if used else None


def host_path_volumes(pod: Pod) -> tuple[str, str] | None:
    """Volumes that are directories of the host."""
    volumes = pod.spec.get("volumes") or []
    names = [volume.get("name") or "" for volume in volumes if volume.get("hostPath") is not None]
    return ("hostPath volumes", _counted("volume", names)) if names else None


def host_ports(pod: Pod) -> tuple[str, str] | None:
    """Ports of the host; on the host's network every container port is one."""
    used = {container.name: _host_ports(container) for container in containers(pod)}
    names = [name for name, numbers in used.items() if numbers]
    if not names:
        return None
    numbers = sorted({number for found in used.values() for number in found})
    uses = f"{_uses(names)} {'hostPort' if len(numbers) == 1 else 'hostPorts'} {', '.join(numbers)}"
    return "hostPort", f"{_counted('container', names)} {uses}"


def host_probes(pod: Pod) -> tuple[str, str] | None:
    """Probes and lifecycle handlers that name a host."""
    used = {container.name: set(_probed_hosts(container)) for container in containers(pod)}
    names = sorted(name for name, hosts in used.items() if hosts)
    if not names:
        return None
    hosts = sorted(set().union(*used.values()))
    return (
        "probe or lifecycle host",
        f"{_counted('container', names)} {_uses(names)} {_counted('probe or lifecycle host', hosts)}",
    )


def privileged(pod: Pod) -> tuple[str, str] | None:
    """Privileged containers in Linux' sense."""
    names = _containers_with(pod, lambda context: context.get("privileged") is True)
    text = f"{_counted('container', names)} must not set securityContext.privileged=true"
    return ("privileged", text) if names else None


def windows_host_process(pod: Pod) -> tuple[str, str] | None:
    """HostProcess, wherever it says true."""
    setters = ["pod"] if windows_options(pod.spec).get("hostProcess") is True else []
    names = [each.name for each in containers(pod) if windows_options(each.body).get("hostProcess") is True]
    setters += [_counted("container", names)] if names else []
    text = f"{' and '.join(setters)} must not set securityContext.windowsOptions.hostProcess=true"
    return ("hostProcess", text) if setters else None


# --- restricted ---------------------------------------------------------------------------------------------------

UNRESTRICTED_VOLUMES = frozenset(
    ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image")
    + ("persistentVolumeClaim", "projected", "secret")
)
KNOWN_VOLUMES = frozenset(
    ("hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd")
    + ("flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk")
    + ("photonPersistentDisk", "portworxVolume", "scaleIO", "storageos")
)


def allow_privilege_escalation(pod: Pod) -> tuple[str, str] | None:
    """Linux pods must refuse privilege escalation."""
    names = _containers_with(pod, lambda context: context.get("allowPrivilegeEscalation") is not False)
    text = f"{_counted('container', names)} must set securityContext.allowPrivilegeEscalation=false"
    return ("allowPrivilegeEscalation != false", text) if names else None


def capabilities(pod: Pod) -> tuple[str, str] | None:
    """Linux pods must drop all capabilities."""
    names = _containers_with(pod, lambda context: "ALL" not in (at(context, "capabilities", "drop") or []))
    text = f'{_counted("container", names)} must set securityContext.capabilities.drop=["ALL"]'
    return ("unrestricted capabilities", text) if names else None


def restricted_volumes(pod: Pod) -> tuple[str, str] | None:
    """Volumes of other types than the ones that hold configuration or storage of the pod's own."""
    types = {volume.get("name") or "": _volume_type(volume) for volume in pod.spec.get("volumes") or []}
    names = [name for name, kind in types.items() if kind not in UNRESTRICTED_VOLUMES]
    kinds = sorted({types[name] for name in names})
    text = f"{_counted('volume', names)} {_uses(names)} {_counted('restricted volume type', kinds)}"
    return ("restricted volume types", text) if names else None


def run_as_non_root(pod: Pod) -> tuple[str, str] | None:
    """Pod or every container must say runAsNonRoot."""
    return _demand(
        pod,
        "runAsNonRoot != true",
        lambda context: context.get("runAsNonRoot"),
        bad=lambda value: value is False,
        forbids="securityContext.runAsNonRoot=false",
        demands="securityContext.runAsNonRoot=true",
    )


def run_as_user(pod: Pod) -> tuple[str, str] | None:
    """Neither pod nor container may be user 0."""
    return _demand(
        pod,
        "runAsUser=0",
        lambda context: context.get("runAsUser"),
        bad=lambda value: value == 0,
        forbids="runAsUser=0",
    )


def seccomp_profile(pod: Pod) -> tuple[str, str] | None:
    """Pod or every Linux container must have a seccomp profile."""
    return _demand(
        pod,
        "seccompProfile",
        lambda context: at(context, "seccompProfile", "type"),
        bad=lambda value: False,
        demands='securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"',
    )


class CheckRow(NamedTuple):
    """A check, when it came, whether Windows pods are excused (since 1.25), and whose place it takes."""

    id: str
    level: str
    since: Release
    judge: Check
    windows_excused: bool = False
    user_namespace_excused: bool = False
    not_in_restricted: bool = False

    def applies(self, level: str, version: Release, pod: Pod) -> bool:
        """Whether a level in a policy version asks this of a pod."""
        wanted = LEVELS.index(level) >= LEVELS.index(self.level) and not (
            self.not_in_restricted and level == LEVELS[-1]
        )
        is_windows = version >= (1, 25) and at(pod.spec, "os", "name") == "windows"
        has_namespace = version >= (1, 35) and pod.spec.get("hostUsers") is False
        excused = (self.windows_excused and is_windows) or (self.user_namespace_excused and has_namespace)
        return wanted and version >= self.since and not excused


# In the plugin's order: sorted by id, baseline first.
CHECKS = (
    CheckRow("hostNamespaces", "baseline", Release(1, 0), host_namespaces),
    CheckRow("hostPathVolumes", "baseline", Release(1, 0), host_path_volumes, not_in_restricted=True),
    CheckRow("hostPorts", "baseline", Release(1, 0), host_ports),
    CheckRow("hostProbesAndHostLifecycle", "baseline", Release(1, 34), host_probes),
    CheckRow("privileged", "baseline", Release(1, 0), privileged),
    CheckRow("windowsHostProcess", "baseline", Release(1, 0), windows_host_process),
    CheckRow("allowPrivilegeEscalation", "restricted", Release(1, 8), allow_privilege_escalation, windows_excused=True),
    CheckRow("capabilities_restricted", "restricted", Release(1, 22), capabilities, windows_excused=True),
    CheckRow("restrictedVolumes", "restricted", Release(1, 0), restricted_volumes),
    CheckRow("runAsNonRoot", "restricted", Release(1, 0), run_as_non_root, user_namespace_excused=True),
    CheckRow("runAsUser", "restricted", Release(1, 23), run_as_user, user_namespace_excused=True),
    CheckRow("seccompProfile_restricted", "restricted", Release(1, 19), seccomp_profile, windows_excused=True),
)


# --- wording ------------------------------------------------------------------------------------------------------


def _demand(
    pod: Pod,
    reason: str,
    read: Callable[[dict[str, Any]], Any],
    bad: Callable[[Any], bool],
    forbids: str = "",
    demands: str = "",
) -> tuple[str, str] | None:
    """A value that neither pod nor container may set badly, and that one of the two may have to set."""
    of_pod = read(_security_context(pod.spec))
    of_containers = {each.name: read(_security_context(each.body)) for each in containers(pod)}
    names = [name for name, value in of_containers.items() if bad(value)]
    setters = (["pod"] if bad(of_pod) else []) + ([_counted("container", names)] if names else [])
    if setters:
        return reason, f"{' and '.join(setters)} must not set {forbids}"
    missing = [name for name, value in of_containers.items() if value is None and of_pod is None]
    if demands and missing:
        return reason, f"pod or {_counted('container', missing)} must set {demands}"
    return None


def _containers_with(pod: Pod, condition: Callable[[dict[str, Any]], bool]) -> list[str]:
    return [each.name for each in containers(pod) if condition(_security_context(each.body))]


def _security_context(body: dict[str, Any]) -> dict[str, Any]:
    return body.get("securityContext") or {}


def _host_ports(container: Container) -> list[str]:
    return [str(port["hostPort"]) for port in container.body.get("ports") or [] if port.get("hostPort")]


def _probed_hosts(container: Container) -> Iterator[str]:
    lifecycle = container.body.get("lifecycle") or {}
    probes = [container.body.get(name) for name in ("livenessProbe", "readinessProbe", "startupProbe")]
    for handler in (*probes, lifecycle.get("postStart"), lifecycle.get("preStop")):
        hosts = (at(handler, action, "host") for action in ("httpGet", "tcpSocket"))
        yield from (host for host in hosts if host)


def _volume_type(volume: dict[str, Any]) -> str:
    """The type of a volume; one without any is an emptyDir by default."""
    types = [field for field, value in volume.items() if field != "name" and value is not None]
    kind = types[0] if types else "emptyDir"
    return kind if kind in UNRESTRICTED_VOLUMES | KNOWN_VOLUMES else "unknown"


def _counted(word: str, names: list[str]) -> str:
    """``container "a"`` or ``containers "a", "b"``."""
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"{word}{'' if len(names) == 1 else 's'} {quoted}"


def _uses(names: list[str]) -> str:
    return "uses" if len(names) == 1 else "use"
