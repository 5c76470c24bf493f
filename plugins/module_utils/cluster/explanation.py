# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a rollout does not get ready, in one line: the container states and events that matter, not the dump.

Pure functions over objects as the API server returns them. Kubelet's reasons and hcsshim's texts are those of
domain facts sections 1.6, 3 and 7; a text that is not recognised is passed on as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from .refusals import admission_refusal

# Text in a start failure -> what it means on a Windows node. First match wins.
_START_FAILURES = (
    ("failed to logon user: access is denied", "containerd does not run as LocalSystem, so it can't log the user on"),
    ("failed to logon user", "the account of run_as can't log on: use a service account or a local group of the node"),
    ("empty username or group name", "no run_as and the image names no user: set run_as"),
    ("cannot find the file specified", "the command does not exist on the node or in the image"),
    ("cannot find the path specified", "the command or its working directory does not exist on the node"),
    ("executable file not found", "the command does not exist on the node or in the image"),
    # hcsshim internal/jobcontainers/path.go; seen from its shim 0.14.1.
    ("failed to find executable", "the command does not exist on the node or in the image"),
    ("file does not exist", "the command does not exist on the node or in the image"),
    ("the directory name is invalid", "the working directory does not exist on the node"),
    ("no match for platform", "the image has no build for this Windows version"),
    ("no matching manifest", "the image has no build for this Windows version"),
)
_IMAGE_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
_START_REASONS = frozenset({"CreateContainerError", "RunContainerError", "StartError", "ContainerCannotRun"})
_CONFIGURATION_REASONS = frozenset({"CreateContainerConfigError"})
# Events of a pod that explain why none of its containers has started, with what they mean.
_POD_EVENTS = {
    "FailedMount": "a volume can't be mounted",
    "FailedAttachVolume": "a volume can't be attached",
    "FailedCreatePodSandBox": "the pod sandbox can't be created",
    "NetworkNotReady": "the node's network is not ready",
    "Failed": "it failed",
}
_DYING = "it is being deleted and its node has not confirmed the end of its containers"
# With the quotation marks and the space before it: failed to start containerd task "0d4f…".
_CONTAINER_ID = re.compile(r' ?"?\b[0-9a-f]{64}\b"?')


def explain_rollout(workload: dict, owned: Iterable[dict], pods: Iterable[dict], events: Iterable[dict]) -> str:
    """One line that says why the workload is not ready; empty when nothing in sight explains it.

    Args:
        workload: the object as stored.
        owned: what stands between it and its pods (ReplicaSets, Jobs).
        pods: its pods.
        events: warnings of its namespace.
    """
    pods = list(pods)
    by_object = _newest_first(events)
    reasons = [(reason, pod) for pod in pods for reason in [_pod_reason(pod, by_object)] if reason]
    # A pod that is to go says nothing of those that take its place.
    telling = [(reason, pod) for reason, pod in reasons if reason != _DYING] or reasons
    if telling:
        return _most_common(telling)
    restarted = [(reason, pod) for pod in pods for reason in _restart_reasons(pod, by_object)]
    if restarted:
        return _most_common(restarted)
    for owner in [workload, *owned]:
        refused = _creation_refused(owner, by_object)
        if refused:
            return f"its pods are refused: {refused}"
    status = workload.get("status") or {}
    if workload["kind"] == "DaemonSet" and not status.get("desiredNumberScheduled"):
        return "no node matches its node selector and tolerations"
    return "" if pods else "it has no pods yet"


def _most_common(reasons: list[tuple[str, dict]]) -> str:
    (reason, count), *others = Counter(reason for reason, _pod in reasons).most_common()
    pod = next(pod for one, pod in reasons if one == reason)
    node = pod.get("spec", {}).get("nodeName")
    where = f"pod {pod['metadata']['name']}" + (f" on node {node}" if node else "")
    more = f" (and {count - 1} more alike)" if count > 1 else ""
    different = f"; {len(others)} more reason{'s' if len(others) > 1 else ''} in other pods" if others else ""
    return f"{where}{more}: {reason}{different}"


def _pod_reason(pod: dict, events: dict[str, list[dict]]) -> str | None:
    status = pod.get("status") or {}
    about = events.get(pod["metadata"].get("uid"), [])
    if status.get("phase") == "Succeeded" or _is_ready(status):
        return None
    if pod["metadata"].get("deletionTimestamp"):
        return _DYING
    return (
        _unscheduled(status)
        or _rejected(status)
        or next(_container_reasons(pod, about), None)
        or _event_reason(about)
        or _failed(status)
    )


def explain_container(pod: dict, container: dict, status: dict) -> str | None:
    """Why one container does not run, does not get ready, or has failed, as far as the pod itself says; None if it says
    nothing.

    Args:
        container: from the pod's spec.
        status: the container's, possibly empty.
    """
    about_pod = pod.get("status") or {}
    return _unscheduled(about_pod) or _rejected(about_pod) or _container_reason(status, container.get("image"), [])


def _restart_reasons(pod: dict, events: dict[str, list[dict]]) -> Iterator[str]:
    """Why containers that run at the moment were restarted: a pod may be ready between two ends."""
    about = events.get(pod["metadata"].get("uid"), [])
    for container in (pod.get("status") or {}).get("containerStatuses") or []:
        last = (container.get("lastState") or {}).get("terminated")
        if last and container.get("restartCount"):
            yield f"container {container['name']}: {_ended(last, container['restartCount'], about)}"


def _is_ready(status: dict) -> bool:
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or [])


def _unscheduled(status: dict) -> str | None:
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"no node can take it: {_one_line(condition.get('message') or condition.get('reason'))}"
    return None


def _rejected(status: dict) -> str | None:
    """The kubelet refused or ended the pod as a whole (PodOSNotSupported, OutOfcpu, Evicted, DeadlineExceeded …)."""
    return _failed(status) if status.get("reason") else None


def _failed(status: dict) -> str | None:
    if status.get("phase") != "Failed":
        return None
    return _one_line(f"{status.get('reason') or 'it failed'}: {status.get('message') or 'no message'}")


def _container_reasons(pod: dict, events: list[dict]) -> Iterator[str]:
    status = pod.get("status") or {}
    images = {
        container["name"]: container.get("image")
        for field in ("initContainers", "containers")
        for container in (pod.get("spec") or {}).get(field) or []
    }
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(field) or []:
            reason = _container_reason(container, images.get(container["name"]), events)
            if reason:
                yield f"container {container['name']}: {reason}"


def _container_reason(container: dict, image: str | None, events: list[dict]) -> str | None:
    state = container.get("state") or {}
    waiting, terminated = state.get("waiting") or {}, state.get("terminated") or {}
    reason, message = waiting.get("reason"), waiting.get("message")
    if reason in _IMAGE_REASONS:
        return _image_failure(image or container.get("image"), reason, message, events)
    if reason in _CONFIGURATION_REASONS:
        return f"its configuration is incomplete: {_one_line(message)}"
    if reason in _START_REASONS:
        return _start_failure(message or reason)
    if reason == "CrashLoopBackOff" or (not terminated and not state.get("running")):
        terminated = (container.get("lastState") or {}).get("terminated") or {}
    if terminated:
        return _ended(terminated, container.get("restartCount") or 0, events)
    if state.get("running") and not container.get("ready"):
        return _probe_failure(events)
    return None


def _image_failure(image: str | None, reason: str, message: str | None, events: list[dict]) -> str:
    # While the kubelet backs off its message only says so; the pull's own error is in an event.
    if reason == "ImagePullBackOff":
        message = next((_text(event) for event in events if "Failed to pull image" in _text(event)), message)
    cause = re.sub(r'^Failed to pull image "[^"]*": ', "", str(message or reason))
    return f'image "{image}" can\'t be pulled: {_one_line(cause)}'


def _start_failure(message: str) -> str:
    lowered = message.lower()
    for fragment, meaning in _START_FAILURES:
        if fragment in lowered:
            return f"it can't start, {meaning}: {_one_line(message)}"
    return f"it can't start: {_one_line(message)}"


def _ended(terminated: dict, restarts: int, events: list[dict]) -> str | None:
    if terminated.get("reason") in _START_REASONS:
        return _start_failure(terminated.get("message") or terminated["reason"])
    if terminated.get("exitCode") == 0 and not restarts:
        return None
    said = f": {_one_line(terminated['message'])}" if terminated.get("message") else ""
    times = "once" if restarts == 1 else f"{restarts} times"
    again = f" and was restarted {times}" if restarts else ""
    probe = _probe_failure(events)
    return f"it ended with exit code {terminated.get('exitCode')}{again}{said}" + (f"; {probe}" if probe else "")


def _probe_failure(events: list[dict]) -> str | None:
    """What the probe said; after "Readiness probe failed: " comes nothing when a command wrote nothing."""
    said = (_one_line(_text(event)) for event in events if event.get("reason") == "Unhealthy")
    return next((text.rstrip(": ") for text in said), None)


def _event_reason(events: list[dict]) -> str | None:
    for event in events:
        meaning = _POD_EVENTS.get(event.get("reason"))
        if meaning:
            return f"{meaning}: {_one_line(_text(event))}"
    return None


def _creation_refused(owner: dict, events: dict[str, list[dict]]) -> str | None:
    """The controller's FailedCreate, from its condition (ReplicaFailure) or its newest event."""
    metadata = owner["metadata"]
    conditions = (owner.get("status") or {}).get("conditions") or []
    messages = [one.get("message") for one in conditions if one.get("type") == "ReplicaFailure"]
    messages += [_text(one) for one in events.get(metadata.get("uid"), []) if one.get("reason") == "FailedCreate"]
    message = next(filter(None, messages), None)
    return (admission_refusal(message, metadata.get("namespace")) or _one_line(message)) if message else None


def _newest_first(events: Iterable[dict]) -> dict[str, list[dict]]:
    by_object: dict[str, list[dict]] = {}
    for event in sorted(events, key=_time, reverse=True):
        by_object.setdefault((event.get("involvedObject") or {}).get("uid"), []).append(event)
    return by_object


def _time(event: dict) -> str:
    return (
        event.get("lastTimestamp")
        or (event.get("series") or {}).get("lastObservedTime")
        or event.get("eventTime")
        or event.get("firstTimestamp")
        or ""
    )


def _text(event: dict) -> str:
    return str(event.get("message") or event.get("reason") or "")


def _one_line(text: str | None, limit: int = 400) -> str:
    """The text without line breaks and without containers' ids, by which the same failure differs from pod to pod."""
    line = " ".join(_CONTAINER_ID.sub("", str(text or "no message")).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
