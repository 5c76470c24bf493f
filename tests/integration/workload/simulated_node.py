# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a kubelet would write, written by a test: a Windows node that is Ready, and the status of its pods.

No container runs. It shows what the controllers of a real control plane and our modules make of such a status, not
that a kubelet would come to it; that is shown on binary nodes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from kubernetes import client
from kubernetes.client.exceptions import ApiException

PodStatus = Callable[[client.V1Pod], dict | None]
CONTAINER_ID = "containerd://" + "ab" * 32
CAPACITY = {"cpu": "8", "memory": "16Gi", "pods": "110"}
INTERVAL = 0.2


def running(pod: client.V1Pod) -> dict:
    containers = [
        {
            "name": container.name,
            "image": container.image,
            "imageID": "",
            "ready": True,
            "restartCount": 0,
            "containerID": CONTAINER_ID,
            "state": {"running": {"startedAt": "2026-11-23T10:00:00Z"}},
        }
        for container in pod.spec.containers
    ]
    conditions = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]
    return {"phase": "Running", "conditions": conditions, "containerStatuses": containers}


def waiting(reason: str, message: str) -> PodStatus:
    """A status whose first container waits for this reason."""
    return lambda pod: _with_state(pod, "Pending", {"waiting": {"reason": reason, "message": message}})


def ended(exit_code: int) -> PodStatus:
    """A status whose first container has ended, for good."""
    state = {"terminated": {"exitCode": exit_code, "reason": "Completed" if exit_code == 0 else "Error"}}
    return lambda pod: _with_state(pod, "Succeeded" if exit_code == 0 else "Failed", state)


def _with_state(pod: client.V1Pod, phase: str, state: dict) -> dict:
    container = pod.spec.containers[0]
    status = {"name": container.name, "image": container.image, "imageID": "", "ready": False, "restartCount": 0}
    return {
        "phase": phase,
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{**status, "state": state}],
    }


class SimulatedNode:
    """A node object, and a thread that gives its pods the status that `status_of` says and ends those to be deleted."""

    def __init__(self, api: client.ApiClient, name: str, status_of: PodStatus = running):
        self.name = name
        self.status_of = status_of
        self._core = client.CoreV1Api(api)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> SimulatedNode:
        labels = {
            "kubernetes.io/os": "windows",
            "kubernetes.io/hostname": self.name,
            "node.kubernetes.io/windows-build": "10.0.20348",
        }
        self._core.create_node({"metadata": {"name": self.name, "labels": labels}})
        information = {
            "kernelVersion": "10.0.20348.2227",
            "osImage": "Windows Server 2022 Datacenter",
            "kubeletVersion": "v1.36.3",
            "containerRuntimeVersion": "containerd://2.2.9",
            "operatingSystem": "windows",
            "architecture": "amd64",
            "bootID": "1",
            "machineID": "1",
            "systemUUID": "1",
            "kubeProxyVersion": "",
        }
        self._core.patch_node_status(
            self.name,
            {
                "status": {
                    "capacity": CAPACITY,
                    "allocatable": CAPACITY,
                    "conditions": [{"type": "Ready", "status": "True", "reason": "Simulated"}],
                    "addresses": [{"type": "InternalIP", "address": "192.0.2.7"}],
                    "nodeInfo": information,
                }
            },
        )
        # The node controller taints a node that has just come; a kubelet's registration takes the taint off.
        self._core.patch_node(self.name, {"spec": {"taints": None}})
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._core.delete_node(self.name)

    def _serve(self) -> None:
        while not self._stopped.wait(INTERVAL):
            pods = self._core.list_pod_for_all_namespaces(field_selector=f"spec.nodeName={self.name}").items
            for pod in pods:
                # Another client may have changed or removed the pod meanwhile; the next look sees it.
                with contextlib.suppress(ApiException):
                    self._treat(pod)

    def _treat(self, pod: client.V1Pod) -> None:
        name, namespace = pod.metadata.name, pod.metadata.namespace
        if pod.metadata.deletion_timestamp:
            self._core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)
            return
        status = self.status_of(pod)
        if status and (pod.status.phase != status["phase"] or not pod.status.container_statuses):
            self._core.patch_namespaced_pod_status(name, namespace, {"status": status})
