# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a role has to do to Windows itself, decided from one probe and the role's variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.probed import service_of
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.tuning_plan import tuning_plan, tuning_probe
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import windows

NO_UPDATES, SEARCH, INSTALL = "none", "search", "install"


def windows_probe(
    features: Iterable[str] = (), optional_features: Iterable[str] = (), tuning: Mapping | None = None, **wishes: Any
) -> dict:
    """Return the options of node_info that a plan for Windows needs: ``features``, ``registry``, ``services`` ..."""
    names = {windows.optional_feature(name) for name in (*features, *optional_features)}
    return {"features": sorted(names), **tuning_probe(tuning, **wishes)}


def windows_plan(
    node: Mapping,
    features: Iterable[str],
    optional_features: Iterable[str] = (),
    update_categories: Iterable[str] = (),
    drained: bool = False,
    **wishes: Any,
) -> dict:
    """Return what to do: ``features``, ``optional_features``, ``updates``, ``reboot``, and the keys of tuning_plan.

    ``features`` are installed as roles of a server, ``optional_features`` by DISM. A client edition has DISM only.
    ``updates`` is NO_UPDATES, SEARCH or INSTALL. Updates are installed, and a restart that waits or that tuning needs
    is carried out, only on a node without a kubelet, or drained, as the upgrade playbook does it. So are features, but
    for a node without Containers, which no pod can use: it is not ``in_use``. What an upgrade is due for is listed for
    a node in use too.
    """
    build = windows.windows_build(node["os"]["build"])
    if not build.supported:
        raise PlanError(f"{node['computer_name']}: {build.reason}. Nothing was changed.")
    is_server = "server" in node["os"]["product_name"].lower()
    missing = [name for name in features if not _enabled(node, name)]
    by_dism = [] if is_server else [windows.optional_feature(name) for name in missing]
    by_dism += [windows.optional_feature(name) for name in optional_features if not _enabled(node, name)]
    tuning = tuning_plan(node, **wishes)
    has_kubelet = not drained and service_of(node, "kubelet") is not None
    return {
        **tuning,
        "features": missing if is_server else [],
        "optional_features": list(dict.fromkeys(by_dism)),
        "is_server": is_server,
        "in_use": has_kubelet and not _lacks_containers(node),
        "updates": (SEARCH if has_kubelet else INSTALL) if list(update_categories) else NO_UPDATES,
        "reboot": not has_kubelet and (bool(node["pending_reboot"]["pending"]) or tuning["restart"]),
    }


def _enabled(node: Mapping, feature: str) -> bool:
    return _state(node, feature) == "enabled"


def _lacks_containers(node: Mapping) -> bool:
    """Whether no pod can run, whatever service there is; not where the feature was not looked at."""
    return _state(node, "Containers") not in (None, "enabled")


def _state(node: Mapping, feature: str) -> str | None:
    states = {name.lower(): state for name, state in node["features"].items()}
    return states.get(windows.optional_feature(feature).lower())
