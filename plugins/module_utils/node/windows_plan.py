# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a role has to do to Windows itself, decided from one probe and the role's variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import service_of
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import windows


def windows_plan(node: Mapping, features: Iterable[str]) -> dict:
    """Return ``{features, is_server, reboot}``: features to install, and whether Windows waits for a reboot already.

    A pending reboot is carried out only on a node without a kubelet: one in use is drained first, by the upgrade
    playbook.
    """
    build = windows.windows_build(node["os"]["build"])
    if not build.supported:
        raise PlanError(f"{node['computer_name']}: {build.reason}. Nothing was changed.")
    present = {name.lower(): state for name, state in node["features"].items()}
    missing = [name for name in features if present.get(name.lower()) != "enabled"]
    in_use = service_of(node, "kubelet") is not None
    return {
        "features": missing,
        "is_server": "server" in node["os"]["product_name"].lower(),
        "reboot": bool(node["pending_reboot"]["pending"]) and not in_use,
    }
