# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The test hostprocess; documented in hostprocess.yml."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import find_pod, is_hostprocess


def hostprocess(definition: Any) -> bool:
    """Tell whether an object is, or makes, a pod with a HostProcess container."""
    if not isinstance(definition, dict):
        kind = type(definition).__name__
        raise AnsibleFilterError(
            f"kubewin.hostprocess.hostprocess tests a Kubernetes object, not a value of type {kind}."
        )
    pod = find_pod(definition)
    return pod is not None and is_hostprocess(pod)


class TestModule:
    """The tests of this file."""

    def tests(self) -> dict[str, Any]:
        return {"hostprocess": hostprocess}
