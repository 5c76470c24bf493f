# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The name that a node joins its cluster with.

* ``require_node_name(name, computer_name)``                     refuse what can't be a node's name
* ``refuse_new_name(node, name, from_kubeadm)``                  a node that has joined keeps its name
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_flags import Flag
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import service_of

# A subdomain of RFC 1123 may have 253 characters, but the kubelet also writes its name into the label
# kubernetes.io/hostname, and a label's value has 63 at most (pkg/kubelet/kubelet_node_status.go of 1.36.3, initialNode;
# apimachinery's LabelValueMaxLength). So no part between dots can pass DNS's own 63 either.
LONGEST = 63
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def require_node_name(name: str, computer_name: str) -> None:
    """Refuse a name that no node can have; without one the kubelet takes the computer's.

    Raises:
        PlanError: it is no subdomain of RFC 1123, or too long for the label that the kubelet gives itself.
    """
    taken = name or computer_name.lower()
    if name:
        what, way = f"kubelet_hostname_override {name!r}", "Set kubelet_hostname_override to a name that can."
    else:
        what, way = f"The computer's name {computer_name!r}", "Set kubelet_hostname_override, or rename the computer."
    if not _SUBDOMAIN.fullmatch(taken):
        raise PlanError(
            f"{what} can't be a node's name: Kubernetes takes lower-case letters, digits, dots and dashes only, and"
            f" each part between dots begins and ends with a letter or a digit. {way}"
        )
    if len(taken) > LONGEST:
        raise PlanError(
            f"{what} can't be a node's name: it has {len(taken)} characters, and the label kubernetes.io/hostname,"
            f" which the kubelet sets to it, takes {LONGEST}. {way}"
        )


def refuse_new_name(node: Mapping, name: str, from_kubeadm: Iterable[Flag]) -> None:
    """A node keeps the name that it joined with: its certificate is for that name only.

    Raises:
        PlanError: it joined with another one.
    """
    service = service_of(node, "kubelet")
    if service is None or not node["kubelet"]["kubeconfig_exists"]:
        return
    given = re.search(r"--hostname-override[= ]\"?([^\s\"]+)", service["command_line"])
    told = [flag.value for flag in from_kubeadm if flag.name == "hostname-override"]
    joined_as = given[1] if given else (told or [node["computer_name"].lower()])[-1]
    if (name or node["computer_name"].lower()) != joined_as:
        raise PlanError(
            f"{node['computer_name']} joined the cluster as {joined_as} and can't become {name}."
            f" Set kubelet_hostname_override to {joined_as}, or remove the node from the cluster first."
        )
