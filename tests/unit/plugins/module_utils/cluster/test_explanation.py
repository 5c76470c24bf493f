# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.explanation import (
    explain_container,
    explain_rollout,
)

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


def container(field: str = "containerStatuses", last: dict | None = None, restarts: int = 3, **state) -> dict:
    status = {"name": "main", "ready": False, "restartCount": restarts if last else 0, "state": state}
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
    "the command does not exist, in the words of the shim": (
        [
            pod(
                status=container(
                    waiting={
                        "reason": "RunContainerError",
                        "message": 'failed to start containerd task "0d4f": failed to get application name from '
                        'commandline "C:\\nowhere\\agent.exe": failed to find executable "C:\\nowhere\\agent.exe"',
                    }
                )
            )
        ],
        [],
        ["it can't start, the command does not exist on the node or in the image", "failed to find executable"],
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
    assert "1 more reason in other pods" in line


NO_IMAGE = container(waiting={"reason": "ImagePullBackOff", "message": "not found"})
DELETED = {"deletionTimestamp": "2026-11-23T10:00:00Z"}


def test_pods_that_are_to_go_do_not_hide_why_those_in_their_place_do_not_come():
    pods = [pod("old0", **DELETED), pod("old1", **DELETED), pod("new", NO_IMAGE)]
    line = explain_rollout(DAEMON_SET, [], pods, [])
    assert line == (
        'pod new on node win1: container main: image "registry.example/agent:9" can\'t be pulled: not found'
    )


def test_pods_that_are_to_go_are_told_of_where_nothing_else_is():
    ready = pod("ready", {"conditions": [{"type": "Ready", "status": "True"}]})
    line = explain_rollout(DAEMON_SET, [], [pod("old0", **DELETED), pod("old1", **DELETED), ready], [])
    assert line.startswith("pod old0 on node win1 (and 1 more alike): it is being deleted and its node has not")


@pytest.mark.parametrize(("restarts", "said"), [(1, "was restarted once"), (2, "was restarted 2 times")])
def test_restarts_are_counted_in_plain_words(restarts, said):
    crash = container(waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 1}, restarts=restarts)
    assert explain_rollout(DAEMON_SET, [], [pod(status=crash)], []).endswith(f"exit code 1 and {said}")


def test_healthy_pods_explain_nothing():
    ready = pod(status={"conditions": [{"type": "Ready", "status": "True"}]})
    assert explain_rollout(DAEMON_SET, [], [ready], []) == ""


def test_a_long_message_is_cut():
    long = pod(status=container(waiting={"reason": "RunContainerError", "message": "x " * 5000}))
    assert len(explain_rollout(DAEMON_SET, [], [long], [])) < 700


ENDED_BY_THE_KUBELET = {
    "phase": "Failed",
    "reason": "DeadlineExceeded",
    "message": "Pod was active on the node longer than the specified deadline",
    **container(terminated={"exitCode": 137, "reason": "Error"}),
}


def test_a_pod_that_the_kubelet_ended_is_told_of_by_that_and_not_by_the_exit_code_of_the_kill():
    (reason,) = {
        explain_rollout({"kind": "Pod", "metadata": {"uid": "agent-1"}}, [], [pod(status=ENDED_BY_THE_KUBELET)], []),
    }
    assert reason == (
        "pod agent-1 on node win1: DeadlineExceeded: Pod was active on the node longer than the specified deadline"
    )


def container_of(status: dict) -> str | None:
    described = pod(status=status)
    (one,) = status.get("containerStatuses") or [{}]
    return explain_container(described, described["spec"]["containers"][0], one)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"phase": "Running", **container(running={"startedAt": "2026-11-23T10:00:00Z"})}, None),
        ({"phase": "Succeeded", **container(terminated={"exitCode": 0})}, None),
        ({"phase": "Failed", **container(terminated={"exitCode": 3})}, "it ended with exit code 3"),
        ({"phase": "Pending", "conditions": [UNSCHEDULABLE]}, "no node can take it: 0/3 nodes are available"),
        (ENDED_BY_THE_KUBELET, "DeadlineExceeded: Pod was active"),
        (
            {"phase": "Failed", **container(terminated={"exitCode": 128, "reason": "StartError", "message": NO_FILE})},
            "it can't start, the command does not exist",
        ),
        ({"phase": "Pending", **container(waiting={"reason": "ContainerCreating"})}, None),
        ({"phase": "Pending"}, None),
    ],
)
def test_a_container_is_explained_by_its_pod_alone(status, said):
    reason = container_of(status)
    assert reason is None if said is None else reason.startswith(said)


def test_one_failure_in_two_pods_is_one_reason_although_their_containers_have_ids_of_their_own():
    def failed(name: str, identifier: str) -> dict:
        message = f'failed to start containerd task "{identifier}": failed to find executable "agent.exe"'
        return pod(name, status=container(waiting={"reason": "RunContainerError", "message": message}))

    reason = explain_rollout(DAEMON_SET, [], [failed("agent-1", "0d" * 32), failed("agent-2", "4f" * 32)], [])
    assert reason == (
        "pod agent-1 on node win1 (and 1 more alike): container main: it can't start, the command does not exist on "
        'the node or in the image: failed to start containerd task: failed to find executable "agent.exe"'
    )


def test_a_probe_whose_command_wrote_nothing_is_told_without_a_loose_end():
    running = pod(status=container(running={"startedAt": "2026-11-23T10:00:00Z"}))
    reason = explain_rollout(DAEMON_SET, [], [running], [event("agent-1", "Unhealthy", "Readiness probe failed: ")])
    assert reason == "pod agent-1 on node win1: container main: Readiness probe failed"


def test_one_image_that_can_not_be_pulled_is_one_reason_whether_the_kubelet_backs_off_or_not():
    cause = "rpc error: code = NotFound desc = registry.example/agent:9: not found"
    pulling = pod("agent-1", container(waiting={"reason": "ErrImagePull", "message": cause}))
    backing_off = pod("agent-2", container(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image"}))
    failed = event("agent-2", "Failed", f'Failed to pull image "registry.example/agent:9": {cause}')
    reason = explain_rollout(DAEMON_SET, [], [pulling, backing_off], [failed])
    assert reason == (
        "pod agent-1 on node win1 (and 1 more alike): container main: "
        f'image "registry.example/agent:9" can\'t be pulled: {cause}'
    )


def test_a_pod_that_is_ready_between_two_ends_is_told_by_its_restarts():
    status = container(running={"startedAt": "2026-11-23T10:00:00Z"}, last={"exitCode": 0})
    ready = pod(status={**status, "conditions": [{"type": "Ready", "status": "True"}]})
    reason = explain_rollout(DAEMON_SET, [], [ready], [event("agent-1", "Unhealthy", "Liveness probe failed: ")])
    assert reason == (
        "pod agent-1 on node win1: container main: it ended with exit code 0 and was restarted 3 times; "
        "Liveness probe failed"
    )
