# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.hostprocess_pods import (
    hostprocess_containers,
    pod_template,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.validation import validate

ID = "2f" * 32


def test_a_published_workload_is_recognised_and_passes_the_rules(published):
    template = pod_template(published)
    rows = list(hostprocess_containers({"metadata": {}, "spec": template["spec"]}))
    declared = [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]
    assert [row["container"] for row in rows] == [container["name"] for container in declared]
    assert {row["run_as_user"].upper() for row in rows} == {"NT AUTHORITY\\SYSTEM"}
    assert validate(published) == []


def test_a_running_container_is_tied_to_its_job_object_by_its_id(pod_of):
    status = {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "csi-proxy",
                "containerID": f"containerd://{ID}",
                "ready": True,
                "restartCount": 2,
                "state": {"running": {"startedAt": "2026-11-23T10:00:00Z"}},
            }
        ],
    }
    (row,) = hostprocess_containers(pod_of("csi-proxy", status))
    assert row == {
        "namespace": "kube-system",
        "pod": "csi-proxy-x7k2p",
        "pod_uid": "pod-1",
        "pod_phase": "Running",
        "node": "win1",
        "owner": {"kind": "DaemonSet", "name": "csi-proxy"},
        "container": "csi-proxy",
        "kind": "container",
        "image": "registry.example/csi-proxy:v1.1.2",
        "container_id": ID,
        "job_name": f"JobContainer_{ID}",
        "state": "running",
        "state_reason": None,
        "trouble": None,
        "exit_code": None,
        "ready": True,
        "restart_count": 2,
        "run_as_user": "NT AUTHORITY\\SYSTEM",
        "limits": {"cpu": None, "memory": None},
        "requests": {"cpu": None, "memory": None},
    }


def test_every_kind_of_container_has_its_state_and_limits(pod_of):
    status = {
        "phase": "Pending",
        "initContainerStatuses": [
            {"name": "init", "containerID": f"containerd://{ID}", "state": {"terminated": {"exitCode": 0}}}
        ],
        "containerStatuses": [{"name": "file", "containerID": "", "state": {"waiting": {"reason": "PodInitializing"}}}],
    }
    rows = {row["container"]: row for row in hostprocess_containers(pod_of("csi-file-node-win", status))}
    assert rows["init"]["kind"] == "init"
    assert (rows["init"]["state"], rows["init"]["exit_code"]) == ("terminated", 0)
    assert (rows["file"]["state"], rows["file"]["state_reason"]) == ("waiting", "PodInitializing")
    assert rows["file"]["container_id"] is rows["file"]["job_name"] is None
    assert rows["file"]["limits"] == {"cpu": "1", "memory": "600Mi"}
    assert rows["node-driver-registrar"]["limits"] == {"cpu": None, "memory": "150Mi"}
    assert rows["node-driver-registrar"]["state"] == "waiting"


def test_an_ephemeral_container_inherits_from_its_pod(pod_of):
    pod = pod_of("csi-proxy")
    pod["spec"]["ephemeralContainers"] = [{"name": "debugger", "image": "i"}]
    assert [row["kind"] for row in hostprocess_containers(pod)] == ["container", "ephemeral"]


@pytest.mark.parametrize("options", [None, {}, {"hostProcess": False}, {"runAsUserName": "ContainerUser"}])
def test_an_ordinary_pod_has_no_rows(options):
    spec = {"securityContext": {"windowsOptions": options}, "containers": [{"name": "web", "image": "i"}]}
    assert list(hostprocess_containers({"metadata": {}, "spec": spec})) == []


def test_an_id_that_is_not_containerds_is_no_id(pod_of):
    status = {"containerStatuses": [{"name": "csi-proxy", "containerID": "containerd://short", "state": {}}]}
    assert next(hostprocess_containers(pod_of("csi-proxy", status)))["container_id"] is None


@pytest.mark.parametrize("kind", ["ConfigMap", "Namespace", "ServiceAccount", "Secret"])
def test_a_kind_without_pods_has_no_template(kind):
    assert pod_template({"kind": kind}) is None
