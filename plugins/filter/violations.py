# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter violations; documented in violations.yml."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import RulesError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import objects
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.release import NEWEST
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.validation import validate


def violations(
    definition: Any,
    kubernetes_version: str = NEWEST,
    allow_privileged: bool = True,
    feature_gates: dict[str, bool] | None = None,
) -> list[str]:
    """Return what an API server would refuse about the Windows options of one object or several, as it prints it."""
    try:
        return [
            str(error)
            for body in objects([definition])
            for error in validate(body, kubernetes_version, allow_privileged, feature_gates)
        ]
    except RulesError as error:
        raise AnsibleFilterError(f"kubewin.hostprocess.violations: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        return {"violations": violations}
