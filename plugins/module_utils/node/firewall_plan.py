# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The firewall rule by which the API server reaches the kubelet, and whether the node has it.

Rules are compared in the firewall's own notation, of which MS-GPFAS 2.2.2.19 gives the grammar. That the machine's own
rules are kept in the same notation is inferred from public exports of that registry key.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError

KUBELET_RULE = "Kubernetes kubelet (kubewin.hostprocess)"
KUBELET_PORT = 10250
_TCP = "6"


def kubelet_rule(node: Mapping, port: int | str | None = None) -> dict:
    """Return ``{name, port, differs}``: the rule for the kubelet's port, and whether the node lacks or changed it.

    Raises:
        PlanError: the port is none.
    """
    number = int(port or KUBELET_PORT)
    if not 0 < number < 65536:
        raise PlanError(f"the kubelet's port is {port!r}: give a number from 1 to 65535.")
    found = (node.get("firewall_rules") or {}).get(KUBELET_RULE) or []
    return {
        "name": KUBELET_RULE,
        "port": number,
        "differs": not found or not all(_lets_in(rule, number) for rule in found),
    }


def _lets_in(rule: str, port: int) -> bool:
    pairs = dict(part.split("=", 1) for part in rule.split("|") if "=" in part)
    wanted = {"Action": "allow", "Active": "true", "Dir": "in", "Protocol": _TCP, "LPort": str(port)}
    return all(pairs.get(token, "").lower() == value for token, value in wanted.items())
