# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters by which the roles ask what to do on a node; documented in the .yml files beside this one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_plan import (
    containerd_files,
    containerd_plan,
    containerd_unpacked,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.control_plane import control_plane_plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_plan import kubelet_plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.node_tools_plan import (
    node_tools_markers,
    node_tools_plan,
    node_tools_wanted,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.release import full_version
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.remove_plan import remove_plan, remove_probe
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.windows_plan import windows_plan, windows_probe


def _told(function: Callable) -> Callable:
    """Turn the errors of a pure function into one that a playbook shows as it is.

    Without its cause: Ansible would say the text of each cause once more behind the message, which says it already.
    """

    @functools.wraps(function)
    def filtered(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError as exc:
            raise AnsibleFilterError(str(exc)) from None
        except (KeyError, TypeError, AttributeError) as exc:
            raise AnsibleFilterError(
                f"kubewin.hostprocess.{function.__name__}: the input isn't shaped as documented"
                f" ({type(exc).__name__}: {exc})."
            ) from exc

    return filtered


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        functions = (
            full_version,
            windows_probe,
            windows_plan,
            remove_probe,
            remove_plan,
            containerd_files,
            containerd_plan,
            containerd_unpacked,
            kubelet_plan,
            control_plane_plan,
            node_tools_wanted,
            node_tools_plan,
            node_tools_markers,
        )
        return {function.__name__: _told(function) for function in functions}
