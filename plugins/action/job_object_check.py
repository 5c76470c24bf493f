# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Controller half of job_object_check, and all of it: pure computation, no connection to the node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.compare import Comparison, compare
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import JobError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.findings import (
    ERROR,
    SEVERITIES,
    Finding,
    reaches,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import parse_actual, parse_declared
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.node import Node, parse_node
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.templates import declare, parse_templates
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.documents import from_text, from_value
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.errors import UnreadableManifestError

ARGUMENT_SPEC = {
    "declared": {"type": "list", "elements": "dict"},
    "definition": {"type": "raw"},
    "actual": {"type": "dict", "required": True},
    "node": {"type": "dict"},
    "node_name": {"type": "str"},
    "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
}


class ActionModule(ActionBase):
    """Compare declared HostProcess containers with the job objects of one node."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec=ARGUMENT_SPEC,
            mutually_exclusive=[["declared", "definition"]],
            required_one_of=[["declared", "definition"]],
        )
        name = options["node_name"] or (task_vars or {}).get("inventory_hostname", "")
        try:
            comparison = _compare(options, parse_node(name, options["node"]))
        except (JobError, UnreadableManifestError) as error:
            raise AnsibleActionFail(str(error)) from None  # Ansible repeats the text of a cause
        return _result(comparison.findings, comparison.rows, options["fail_on"])


def _compare(options: dict[str, Any], node: Node) -> Comparison:
    """Compare with the cluster's containers, or with what a manifest would make.

    Raises:
        JobError, UnreadableManifestError: something handed over can't be compared.
    """
    actual = parse_actual(options["actual"])
    if options["declared"] is not None:
        return compare(parse_declared(options["declared"]), actual, node)
    given = options["definition"]
    documents = from_text(given, "definition") if isinstance(given, str) else from_value(given, "definition")
    declared, compared, unseen = declare(parse_templates(document.body for document in documents), actual, node)
    return compare(declared, compared, node, unseen)


def _result(findings: Sequence[Finding], rows: list[dict[str, Any]], fail_on: str) -> dict[str, Any]:
    """Return the module result; it fails, with everything in it, when a finding reaches the threshold."""
    threshold = ERROR if fail_on == "never" else fail_on
    passed = not any(reaches(finding.severity, threshold) for finding in findings)
    result = {
        "changed": False,
        "passed": passed,
        "findings": [finding.as_result() for finding in findings],
        "rows": rows,
    }
    if not passed and fail_on != "never":
        result.update(failed=True, msg=_message(findings))
    return result


def _message(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    heading = ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])
    worst = findings[0]
    return f"Job objects are not as declared ({heading}). {worst.code}: {worst.message}"
