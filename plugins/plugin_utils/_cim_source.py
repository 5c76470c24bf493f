# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# FOR INTERNAL COLLECTION USE ONLY
# The interfaces in this file are meant for use within this collection and may change in any release.
"""The source `cim` of job_object_info: WMI's rows over the task's own connection, no code on the node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.cim import QUERIES, job_objects
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import JobError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.errors import WsmanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.query import query
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.replies import reference
from ansible_collections.kubewin.hostprocess.plugins.module_utils.wsman.requests import Target
from ansible_collections.kubewin.hostprocess.plugins.plugin_utils._wsman_channel import wsman_channel

REFERENCES = {"members": ("Collection", "Member")}
SCHEME = "://"


def read_job_objects(connection: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job_object_info result that WMI gave; every query goes over one session, which is closed at the end.

    Raises:
        AnsibleActionFail: options ask for what WMI doesn't know, or the service refuses.
        AnsibleConnectionFailure: the host can't be reached.
    """
    if options.get("pod") or options.get("namespace"):
        raise AnsibleActionFail(
            "WMI does not know which pod a job object belongs to, so the options pod and namespace can't be used with "
            "source=cim: filter by container_id or name."
        )
    with wsman_channel(connection) as channel:
        target = Target(channel.endpoint, timeout=channel.timeout)
        try:
            rows = {name: query(channel.send, target, wql) for name, wql in QUERIES.items()}
            for name, properties in REFERENCES.items():
                rows[name] = [_with_keys(row, properties) for row in rows[name]]
            result = job_objects(rows)
        except (WsmanError, JobError) as error:
            raise AnsibleActionFail(
                f"WMI on {connection.get_option('remote_addr')} did not tell its job objects: {error}"
            ) from error
    return _filtered(result, options)


def _with_keys(row: Mapping[str, Any], properties: tuple[str, ...]) -> dict[str, Any]:
    return {**row, **{name: reference(row.get(name)).keys for name in properties}}


def _filtered(result: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    wanted_id = (options.get("container_id") or "").rpartition(SCHEME)[2]
    wanted = {"container_id": wanted_id, "name": options.get("name")}
    kept = [
        job for job in result["job_objects"] if all(not value or job[field] == value for field, value in wanted.items())
    ]
    return {**result, "job_objects": kept}
