# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kubelet's command line: the role's flags, then kubeadm's, then the user's own.

* ``kubelet_command(wishes, from_kubeadm) -> Command``
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_flags
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_wishes import KubeletWishes
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions

# Flags that a kubelet needed before its configuration had the field: the runtime's endpoint up to 1.26, and the
# choice of a remote runtime while there was another one, up to 1.23. Read in sig-windows-tools; not run here.
_ENDPOINT_FLAG_UP_TO = (1, 26)
_REMOTE_FLAG_UP_TO = (1, 23)


class Command(NamedTuple):
    """The words of a command line, and what a person should know of flags that it has or hasn't."""

    words: list[str]
    warnings: list[str]


def kubelet_command(wishes: KubeletWishes, from_kubeadm: Iterable[kubelet_flags.Flag]) -> Command:
    """Return the command of the service.

    Raises:
        ConfigurationError: this kubelet does not start with one of the flags.
        PlanError: an address of the node is none.
    """
    ours = [f"--{flag}={value}" for flag, value in _role_flags(wishes).items() if value]
    extra = list(map(str, wishes.arguments))
    # The configuration says these two where the command line doesn't.
    decided = {flag.name for flag in kubelet_flags.parse([*ours, *extra])} | {"container-runtime-endpoint"}
    decided |= {"register-with-taints"} if list(wishes.taints) else set()
    kept = kubelet_flags.merged(from_kubeadm, decided, wishes.release)
    told = kubelet_flags.refuse_stopping([*kept.flags, *kubelet_flags.parse(extra)], wishes.release)
    words = [wishes.executable, "--windows-service", *ours, *map(str, kept.flags), *extra]
    return Command(words, [*kept.warnings, *told])


def _role_flags(wishes: KubeletWishes) -> dict[str, str]:
    """Return the flags that follow from the role's variables; an empty value is a flag that isn't given."""
    return {
        "config": wishes.config_path,
        "bootstrap-kubeconfig": wishes.bootstrap_kubeconfig_path,
        "kubeconfig": wishes.kubeconfig_path,
        "cert-dir": wishes.certificate_directory,
        "hostname-override": wishes.hostname_override,
        "node-ip": _addresses(wishes.node_ip),
        "node-labels": ",".join(f"{key}={value}" for key, value in (wishes.node_labels or {}).items()),
        "windows-priorityclass": wishes.priority_class,
        **_flags_of_old_kubelets(wishes.release, wishes.runtime_endpoint),
    }


def _addresses(text: str) -> str:
    """Return kubelet_node_ip, which is one address or one of each family; the kubelet takes no heed of another text."""
    try:
        found = [ipaddress.ip_address(part.strip()) for part in text.split(",") if text]
    except ValueError:
        found = []
    families = {address.version for address in found}
    if text and (not found or len(families) != len(found)):
        raise PlanError(
            f"kubelet_node_ip is {text!r}: write one IP address of the node, such as 10.0.0.7, or an IPv4 and an IPv6"
            " address with a comma between, or leave it empty to let the kubelet choose."
        )
    return text


def _flags_of_old_kubelets(version: str, endpoint: str) -> dict[str, str]:
    line = versions.parse(version)[:2]
    flags = {}
    if line <= _ENDPOINT_FLAG_UP_TO:
        flags["container-runtime-endpoint"] = endpoint
    if line <= _REMOTE_FLAG_UP_TO:
        flags["container-runtime"] = "remote"
    return flags
