# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filters of the node task in roles/workload; documented in the .yml files beside this one."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.node_task import (
    node_task_choice,
    node_task_outcomes,
)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        return {"node_task_choice": node_task_choice, "node_task_outcomes": node_task_outcomes}
