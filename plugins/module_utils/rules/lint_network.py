# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lint rules about ports, probes and names on the network of the node (facts sections 1.4, 1.6, 5.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import Problem, rule
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import Container, Pod, containers
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target

# Ports that a Windows node of a cluster uses itself.
NODE_PORTS = {
    135: "RPC",
    445: "SMB",
    3389: "Remote Desktop",
    5985: "WinRM over HTTP",
    5986: "WinRM over HTTPS",
    10248: "the kubelet's health check",
    10249: "kube-proxy's metrics",
    10250: "the kubelet",
    10256: "kube-proxy's health check",
}
EVERY_ADDRESS = "0.0.0.0"
THIS_NODE = (None, "", "localhost", "127.0.0.1", "::1")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


@rule("HPL028", "warning", "the port is the node's own", "Let the container listen on another port.")
def port_of_node(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """A HostProcess container has the network of the node, so its ports are ports of the node, and some are taken."""
    for path, port in _ports(pod):
        number = port.get("containerPort")
        if number in NODE_PORTS:
            yield Problem(path, f"port {number} of a node is for {NODE_PORTS[number]}")


@rule(
    "HPL029",
    "warning",
    "two workloads claim one port",
    "Give each workload a port of its own, or keep them on different nodes.",
)
def port_claimed_twice(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """Both listen on the network of the node: where one is, the scheduler doesn't put the other, unless each names an
    address of its own in hostIP."""
    others = [other for other in pods if other[:3] != pod[:3]]  # another kind, name or namespace
    for path, port in _ports(pod):
        for other in others:
            if any(_collide(port, claimed) for _path, claimed in _ports(other)):
                yield Problem(path, f"{other.kind} {other.name} claims {_claim(port)} too")


@rule("HPL030", "warning", "replicas can't share a node", "Use a DaemonSet, or as many nodes as replicas.")
def replicas_share_port(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """Every replica claims the same port of its node, so each needs a node of its own; so does the additional pod of a
    rolling update."""
    if pod.kind in ("Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"):
        for path, port in _ports(pod):
            yield Problem(path, f"no two replicas can be on one node: both claim {_claim(port)}")


@rule("HPL031", "warning", "the probe asks a port that the container does not declare", "Declare the port under ports.")
def undeclared_probe_port(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The pod's address is the node's, so a probe asks the node: whatever listens on that port there answers for the
    container. A declared port is at least kept free of other pods by the scheduler. The containers of a pod share their
    ports' numbers; a name is looked up in the probe's own container."""
    numbers = {str(port.get("containerPort")) for _path, port in _ports(pod)}
    for container in containers(pod):
        names = {str(port.get("name")) for port in container.body.get("ports") or []}
        for path, action in _network_probes(container):
            port = action.get("port")
            if port is not None and str(port) not in numbers | names:
                yield Problem(f"{path}.port", f"port {port} is the node's; the container declares no such port")


@rule("HPL032", "info", "DNS settings and hostAliases have no effect", "Leave them out: the process uses the node's.")
def names_of_node(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """A HostProcess process resolves names as the node does (inferred: the shim reads no DNS part of a job container's
    specification, and the kubelet mounts no hosts file)."""
    for field in ("dnsConfig", "hostAliases"):
        if pod.spec.get(field):
            yield Problem(f"{pod.path}.{field}", f"{field} has no effect on HostProcess containers")
    if pod.spec.get("dnsPolicy") == "ClusterFirstWithHostNet":
        yield Problem(f"{pod.path}.dnsPolicy", "the cluster's DNS is not used by HostProcess containers")


def _ports(pod: Pod) -> Iterator[tuple[str, dict[str, Any]]]:
    for container in containers(pod):
        for index, port in enumerate(container.body.get("ports") or []):
            yield f"{container.path}.ports[{index}]", port


def _claim(port: dict[str, Any]) -> str:
    return f"{port.get('protocol') or 'TCP'} port {port.get('containerPort')}"


def _collide(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether one node can't give both, as the scheduler sees it (kube-scheduler ``HostPortInfo.CheckConflict``)."""
    addresses = {port.get("hostIP") or EVERY_ADDRESS for port in (one, other)}
    return _claim(one) == _claim(other) and (len(addresses) == 1 or EVERY_ADDRESS in addresses)


def _network_probes(container: Container) -> Iterator[tuple[str, dict[str, Any]]]:
    """The probes that ask the node: all but those that name another host."""
    for probe in PROBES:
        for action in ("httpGet", "tcpSocket", "grpc"):
            body = (container.body.get(probe) or {}).get(action)
            if isinstance(body, dict) and body.get("host") in THIS_NODE:
                yield f"{container.path}.{probe}.{action}", body
