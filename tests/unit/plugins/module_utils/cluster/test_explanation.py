# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.explanation import explain_rollout

DAEMON_SET = {
    "kind": "DaemonSet",
    "metadata": {"name": "agent", "namespace": "logs", "uid": "owner"},
    "status": {"desiredNumberScheduled": 1},
}
NO_FILE = (
    "failed to create containerd task: failed to create shim task: hcs::CreateProcess agent.exe: "
    "The system cannot find the file specified.: unknown"
)


def pod(name: str = "agent-1", status: dict | None = None, **metadata) -> dict:
    spec = {"nodeName": "win1", "containers": [{"name": "main", "image": "registry.example/agent:9"}]}
    return {
        "metadata": {"name": name, "namespace": "logs", "uid": name, **metadata},
        "spec": spec,
        "status": status or {},
    }


def container(field: str = "containerStatuses", last: dict | None = None, **state) -> dict:
    status = {"name": "main", "ready": False, "restartCount": 3 if last else 0, "state": state}
    return {field: [{**status, "lastState": {"terminated": last} if last else {}}]}


def event(uid: str, reason: str, message: str, at: str = "2026-11-23T10:00:00Z") -> dict:
    return {
        "involvedObject": {"uid": uid},
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
        "type": "Warning",
    }


UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 had taint os."}
POD_SECURITY = (
    'Error creating: pods "agent-x" is forbidden: violates PodSecurity "baseline:latest": hostProcess (pod must not '
    "set securityContext.windowsOptions.hostProcess=true)"
)
QUOTA = (
    'Error creating: pods "agent-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, '
    "limited: pods=2"
)
NO_LOGON = "failed to create user process token: failed to logon user: Access is denied.: unknown"

CASES = {
    "the command does not exist": (
        [pod(status=container(waiting={"reason": "RunContainerError", "message": NO_FILE}))],
        [],
        ["pod agent-1 on node win1", "container main", "the command does not exist"],
    ),
    "the command does not exist, while the kubelet backs off": (
        [
            pod(
                status=container(
                    waiting={"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"},
                    last={"exitCode": 128, "reason": "StartError", "message": NO_FILE},
                )
            )
        ],
        [],
        ["the command does not exist"],
    ),
    "the user can't log on": (
        [
            pod(
                status=container(
                    waiting={
                        "reason": "RunContainerError",
                        "message": NO_LOGON,
                    }
                )
            )
        ],
        [],
        ["containerd does not run as LocalSystem"],
    ),
    "the image can't be pulled": (
        [
            pod(
                status=container(
                    waiting={
                        "reason": "ImagePullBackOff",
                        "message": 'Back-off pulling image "registry.example/agent:9"',
                    }
                )
            )
        ],
        [event("agent-1", "Failed", 'Failed to pull image "registry.example/agent:9": not found')],
        ['image "registry.example/agent:9" can\'t be pulled', "not found"],
    ),
    "a configuration is missing": (
        [
            pod(
                status=container(
                    waiting={"reason": "CreateContainerConfigError", "message": 'configmap "agent" not found'}
                )
            )
        ],
        [],
        ["its configuration is incomplete", 'configmap "agent" not found'],
    ),
    "it crashes": (
        [
            pod(
                status=container(
                    waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 3221225786, "reason": "Error"}
                )
            )
        ],
        [],
        ["ended with exit code 3221225786", "restarted 3 times"],
    ),
    "an init container fails": (
        [pod(status=container("initContainerStatuses", terminated={"exitCode": 2, "reason": "Error"}))],
        [],
        ["container main: it ended with exit code 2"],
    ),
    "a probe fails": (
        [pod(status=container(running={"startedAt": "2026-11-23T10:00:00Z"}))],
        [event("agent-1", "Unhealthy", "Readiness probe failed: connection refused")],
        ["Readiness probe failed: connection refused"],
    ),
    "no node takes it": ([pod(status={"conditions": [UNSCHEDULABLE]})], [], ["no node can take it", "3 had taint os"]),
    "a volume is missing": (
        [pod(status=container(waiting={"reason": "ContainerCreating"}))],
        [event("agent-1", "FailedMount", 'MountVolume.SetUp failed: configmap "agent" not found')],
        ["a volume can't be mounted", 'configmap "agent" not found'],
    ),
    "the kubelet refuses it": (
        [pod(status={"phase": "Failed", "reason": "PodOSNotSupported", "message": "Failed to admit pod"})],
        [],
        ["PodOSNotSupported: Failed to admit pod"],
    ),
    "PodSecurity forbids it": (
        [],
        [event("owner", "FailedCreate", POD_SECURITY)],
        ["its pods are refused", "pod-security.kubernetes.io/enforce=privileged", 'namespace "logs"'],
    ),
    "the quota is exhausted": ([], [event("owner", "FailedCreate", QUOTA)], ["quota small is exhausted"]),
    "the node is silent": (
        [pod(deletionTimestamp="2026-11-23T10:00:00Z")],
        [],
        ["its node has not confirmed the end"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_line_says_why(case):
    pods, events, said = CASES[case]
    line = explain_rollout(DAEMON_SET, [], pods, events)
    for part in said:
        assert part in line
    assert "\n" not in line


def test_a_daemon_set_without_pods_matches_no_node():
    nowhere = {**DAEMON_SET, "status": {"desiredNumberScheduled": 0}}
    assert explain_rollout(nowhere, [], [], []) == "no node matches its node selector and tolerations"


def test_the_newest_event_of_the_object_itself_counts():
    events = [
        event("owner", "FailedCreate", QUOTA, at="2026-11-23T10:00:00Z"),
        event("owner", "FailedCreate", POD_SECURITY, at="2026-11-23T10:05:00Z"),
        event("another", "FailedCreate", "something else", at="2026-11-23T10:06:00Z"),
    ]
    assert "PodSecurity" in explain_rollout(DAEMON_SET, [], [], events)


def test_a_replica_set_in_between_tells_why_a_deployment_has_no_pods():
    deployment = {"kind": "Deployment", "metadata": {"name": "agent", "namespace": "logs", "uid": "top"}, "status": {}}
    replica_set = {"metadata": {"name": "agent-1", "namespace": "logs", "uid": "owner"}}
    assert "PodSecurity" in explain_rollout(
        deployment, [replica_set], [], [event("owner", "FailedCreate", POD_SECURITY)]
    )


def test_pods_that_are_alike_are_counted_and_the_most_common_reason_comes_first():
    crash = container(waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 1, "reason": "Error"})
    pods = [pod("a", {"conditions": [UNSCHEDULABLE]}), pod("b", crash), pod("c", crash), pod("d", crash)]
    line = explain_rollout(DAEMON_SET, [], pods, [])
    assert line.startswith("pod b on node win1 (and 2 more alike): container main: it ended with exit code 1")
    assert "1 more reasons in other pods" in line


def test_healthy_pods_explain_nothing():
    ready = pod(status={"conditions": [{"type": "Ready", "status": "True"}]})
    assert explain_rollout(DAEMON_SET, [], [ready], []) == ""


def test_a_long_message_is_cut():
    long = pod(status=container(waiting={"reason": "RunContainerError", "message": "x " * 5000}))
    assert len(explain_rollout(DAEMON_SET, [], [long], [])) < 700
