# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Labels that a kubelet may give its own node; it ends at start when --node-labels has another one.

* ``require_node_labels(labels)``                   refuses what the kubelet refuses
* ``is_qualified_name(key)``, ``is_label_value(value)``
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError

_RESERVED = ("kubernetes.io", "k8s.io")
# k8s.io/kubelet, pkg/apis/well_known_labels.go, 0.29.6 to 0.37.2: folders of labels, and single ones.
_OWN_PREFIXES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_OWN_LABELS = frozenset({
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
})  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")


def require_node_labels(labels: Mapping[str, Any] | None) -> None:
    """Refuse labels with which the kubelet does not start.

    Raises:
        PlanError: it names the first of them.
    """
    for key, value in (labels or {}).items():
        if not is_qualified_name(key) or not is_label_value(str(value)):
            raise PlanError(
                f"kubelet_node_labels: {key}={value} is no label, and the kubelet does not start with it. Keys and"
                " values are of letters, digits, '-', '_' and '.', of 63 characters at most; a domain and '/' may stand"
                " before a key."
            )
        if _is_reserved(key):
            raise PlanError(
                f"kubelet_node_labels: a kubelet must not give its node {key} and does not start with it: under"
                f" kubernetes.io and k8s.io only labels below {' and '.join(_OWN_PREFIXES)} are its own to give. Label"
                f" the node from outside: kubectl label node <name> {key}={value}, or the module kubernetes.core.k8s."
            )


def is_qualified_name(key: Any) -> bool:
    """Tell whether a key is a name, with or without a domain before it."""
    domain, slash, name = key.rpartition("/") if isinstance(key, str) else ("", "", "")
    return bool(_NAME.fullmatch(name)) and (not slash or (len(domain) <= 253 and bool(_DOMAIN.fullmatch(domain))))


def is_label_value(value: Any) -> bool:
    return isinstance(value, str) and (value == "" or bool(_NAME.fullmatch(value)))


def _is_reserved(key: str) -> bool:
    domain = key.rpartition("/")[0]
    return _is_under(domain, _RESERVED) and not _is_under(domain, _OWN_PREFIXES) and key not in _OWN_LABELS


def _is_under(domain: str, roots: tuple[str, ...]) -> bool:
    return any(domain == root or domain.endswith(f".{root}") for root in roots)
