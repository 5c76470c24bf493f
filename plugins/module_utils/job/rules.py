# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules: what makes a finding. One pure function each, listed in two tables at the end.

A container rule looks at one running container and its job; a node rule looks at everything that matching found.
A rule yields findings, and ``Unknown`` where the source can't show what it needs: unknowns of one kind and reason
become one finding for the node, so that one blind spot isn't reported once for each container.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.accounts import runs_as, temporary_account
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.findings import Finding
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.limits import (
    counted_processors,
    cpu_rate,
    memory_bytes,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.matching import Matching, Pair
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import (
    CPU_RATE_ENABLE,
    CPU_RATE_HARD_CAP,
    JOB_PREFIX,
    NO_LIMIT,
    Actual,
    Declared,
    Job,
    Owner,
    Process,
    short,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.node import Node
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import QuantityError

SERVICE_SESSION = 0
# Memory limits of Win32_NamedJobObjectLimitSetting are uint32 (facts section 4.4).
WMI_HOLDS = 2**32 - 1
HARD_CAP = CPU_RATE_ENABLE | CPU_RATE_HARD_CAP
LEFTOVER_WORDS = {"rootfs_folders": "root file system folders", "accounts": "local accounts"}


@dataclass(frozen=True)
class Unknown:
    """Something of one container that can't be judged, and why."""

    code: str
    reason: str
    about: str


@dataclass(frozen=True)
class Scene:
    """What a rule may look at: one node, what its probe saw, and who belongs to whom."""

    node: Node
    actual: Actual
    matching: Matching
    declared: tuple[Declared, ...] = ()
    unseen: tuple[str, ...] = ()

    @property
    def processors(self) -> int | None:
        return self.actual.logical_processors or self.node.logical_processors

    def expected_rate(self, container: Declared) -> int | None:
        """Return the expected CPU rate, None where the kubelet's processor count isn't known.

        Raises:
            QuantityError: for a limit that is no quantity.
        """
        processors = counted_processors(self.processors, self.node.kubelet)
        if processors is None:
            return NO_LIMIT if cpu_rate(container.cpu, 1) == NO_LIMIT else None
        return cpu_rate(container.cpu, processors)

    def about(self, pair: Pair, code: str, message: str, expected: Any, actual: Any, **evidence: Any) -> Finding:
        """Return a finding about one container and its job."""
        container, job = pair.declared, pair.job
        return Finding(
            code=code,
            node=self.node.name,
            namespace=container.namespace,
            pod=container.pod,
            container=container.container,
            job=job.name,
            message=message,
            expected=expected,
            actual=actual,
            evidence={"job": job.path, "container_id": job.container_id, **evidence},
        )

    def about_job(self, job: Job, code: str, message: str, expected: Any, actual: Any, **evidence: Any) -> Finding:
        """Return a finding about a job that no declared container has."""
        owner = job.owner or Owner("", "", "")
        return Finding(
            code=code,
            node=self.node.name,
            namespace=owner.namespace or None,
            pod=owner.pod or None,
            container=owner.container or None,
            job=job.name,
            message=message,
            expected=expected,
            actual=actual,
            evidence={"job": job.path, "container_id": job.container_id, **evidence},
        )


Seen = Iterator[Finding | Unknown]


def cpu_rate_as_declared(pair: Pair, scene: Scene) -> Seen:
    container, job = pair.declared, pair.job
    try:
        expected = scene.expected_rate(container)
    except QuantityError as error:
        yield _unreadable_limit(pair, scene, "CPU", container.cpu, error)
        return
    if expected is None:
        yield Unknown("HPJ020", _processors_reason(scene), str(container.owner))
    elif job.cpu_flags is None:
        if expected != NO_LIMIT and job.limit_flags is not None:
            yield Unknown("HPJ020", job.reason("cpu_rate", "limits"), str(container.owner))
    elif not _has_rate(job, expected):
        yield scene.about(
            pair,
            "HPJ001",
            f"{container.owner} declares {_cpu_text(container.cpu)}, which is {_rate_text(expected)} on "
            f"{scene.processors} logical processors; its job has {_job_rate_text(job)}.",
            {"control_flags": HARD_CAP if expected else 0, "rate": expected or None},
            {"control_flags": job.cpu_flags, "rate": job.cpu_rate},
            declared=container.cpu,
            logical_processors=scene.processors,
        )


def memory_limit_as_declared(pair: Pair, scene: Scene) -> Seen:
    container, job = pair.declared, pair.job
    try:
        expected = memory_bytes(container.memory)
    except QuantityError as error:
        yield _unreadable_limit(pair, scene, "memory", container.memory, error)
        return
    if job.limit_flags is None:
        return  # job_protects_the_node says so for all limits at once
    if job.memory_limit is None:
        yield Unknown("HPJ021", job.reason("job_memory_bytes", "limits"), str(container.owner))
    elif scene.actual.source == "cim" and expected > WMI_HOLDS:
        yield Unknown("HPJ021", "WMI holds 32 bits and the declared limit needs more", str(container.owner))
    elif job.memory_limit != expected:
        yield scene.about(
            pair,
            "HPJ002",
            f"{container.owner} declares memory {container.memory or 'without limit'}, which is "
            f"{_bytes_text(expected)} for the whole job; its job has {_bytes_text(job.memory_limit)}.",
            {"bytes": expected or None},
            {"bytes": job.memory_limit or None, "limit_flags": job.limit_flags},
            declared=container.memory,
        )


def job_protects_the_node(pair: Pair, scene: Scene) -> Seen:
    job, owner = pair.job, pair.declared.owner
    if job.kill_on_close is None or job.breakaway is None:
        yield Unknown("HPJ022", job.reason("limits", "kill_on_close", "open", "job"), str(owner))
        return
    if not job.kill_on_close:
        yield scene.about(
            pair,
            "HPJ003",
            f"The job of {owner} lacks KILL_ON_JOB_CLOSE: its processes would outlive their shim.",
            True,
            False,
            limit_flags=job.limit_flags,
        )
    if job.breakaway:
        yield scene.about(
            pair,
            "HPJ004",
            f"The job of {owner} lets child processes leave it.",
            False,
            True,
            limit_flags=job.limit_flags,
        )


def silo_as_the_node_makes_it(pair: Pair, scene: Scene) -> Seen:
    job, owner = pair.job, pair.declared.owner
    expected, why = scene.node.makes_silos()
    if expected is None:
        yield Unknown("HPJ023", why, str(owner))
    elif job.silo is None:
        if job.limit_flags is not None:
            yield Unknown("HPJ023", job.reason("silo"), str(owner))
    elif job.silo != expected:
        made, seen = ("a silo", "a plain job") if expected else ("a plain job", "a silo")
        yield scene.about(
            pair, "HPJ005", f"The job of {owner} is {seen}; this node makes {made}: {why}.", expected, job.silo
        )


def processes_in_the_service_session(pair: Pair, scene: Scene) -> Seen:
    outside = [p for p in pair.job.members if p.session_id not in (None, SERVICE_SESSION)]
    unread = [p for p in pair.job.members if p.session_id is None]
    if unread:
        yield Unknown("HPJ024", unread[0].reason, _about_processes(pair, unread))
    if outside:
        yield scene.about(
            pair,
            "HPJ006",
            f"{_count(len(outside), 'process', 'processes')} of {pair.declared.owner} run outside session 0: "
            f"{_names(outside)}.",
            SERVICE_SESSION,
            sorted({process.session_id for process in outside}),
            processes=_evidence(outside),
        )


def processes_run_as_declared(pair: Pair, scene: Scene) -> Seen:
    declared = pair.declared.run_as_user
    if not declared:
        return  # then the image's user decides, and the cluster doesn't know it
    unread = [p for p in pair.job.members if p.user is None]
    others = [
        p
        for p in pair.job.members
        if p.user is not None and not runs_as(declared, p.user, p.user_sid, pair.job.container_id)
    ]
    if unread:
        yield Unknown("HPJ024", unread[0].reason, _about_processes(pair, unread))
    if others:
        users = sorted({process.user or "" for process in others})
        yield scene.about(
            pair,
            "HPJ007",
            f"{pair.declared.owner} declares user {declared}; {_names(others)} runs as {', '.join(users)}.",
            declared,
            users,
            processes=_evidence(others),
        )


def processes_stay_in_the_job(pair: Pair, scene: Scene) -> Seen:
    escaped = pair.job.escaped
    if escaped:
        yield scene.about(
            pair,
            "HPJ012",
            f"{_count(len(escaped), 'process', 'processes')} that {pair.declared.owner} started left its job: "
            f"{_names(escaped)}.",
            0,
            len(escaped),
            processes=_evidence(escaped),
        )


def running_job_has_processes(pair: Pair, scene: Scene) -> Seen:
    if not pair.job.members and "processes" not in pair.job.reasons:
        yield scene.about(
            pair,
            "HPJ013",
            f"The cluster says that {pair.declared.owner} runs; its job {pair.job} has no process.",
            "at least one process",
            0,
        )


def running_container_has_a_job(scene: Scene) -> Seen:
    for container in scene.matching.missing:
        if f"{JOB_PREFIX}{container.container_id}" in scene.actual.vanished:
            yield Unknown("HPJ025", "the job ended while the probe ran", str(container.owner))
            continue
        if not scene.actual.absence_is_proof:
            reason = "; ".join(scene.actual.unsearched) or "WMI leaves out jobs that it can't open"
            yield Unknown("HPJ025", reason, str(container.owner))
            continue
        yield Finding(
            code="HPJ008",
            node=scene.node.name,
            namespace=container.namespace,
            pod=container.pod,
            container=container.container,
            message=f"{container.owner} runs (container {short(container.container_id)}) and has no job object.",
            expected=f"JobContainer_{container.container_id}",
            evidence={"container_id": container.container_id, "source": scene.actual.source},
        )


def container_stayed_the_same(scene: Scene) -> Seen:
    for pair in scene.matching.restarted:
        yield scene.about(
            pair,
            "HPJ026",
            f"{pair.declared.owner} was restarted while the check ran: the cluster named container "
            f"{short(pair.declared.container_id)}, the node has {short(pair.job.container_id)}.",
            pair.declared.container_id,
            pair.job.container_id,
        )


def one_live_job_per_container(scene: Scene) -> Seen:
    for pair in scene.matching.duplicates:
        yield scene.about(
            pair,
            "HPJ011",
            f"{pair.declared.owner} has a second job with "
            f"{_count(len(pair.job.members), 'live process', 'live processes')}: {pair.job}.",
            pair.declared.container_id,
            pair.job.container_id,
            processes=_evidence(pair.job.members),
        )


def no_leaked_jobs(scene: Scene) -> Seen:
    for job in scene.matching.leaked:
        left_over = _leftovers(scene)
        if job.members:
            yield scene.about_job(
                job,
                "HPJ010",
                f"{job} belongs to no container and has "
                f"{_count(len(job.members), 'live process', 'live processes')}: {_names(job.members)}.",
                None,
                len(job.members),
                processes=_evidence(job.members),
                **left_over,
            )
        else:
            yield scene.about_job(
                job,
                "HPJ009",
                f"{job} belongs to no container; it is empty and something still holds it.",
                None,
                0,
                **left_over,
            )


def no_undeclared_containers(scene: Scene) -> Seen:
    for job in scene.matching.undeclared:
        yield scene.about_job(
            job,
            "HPJ016",
            f"{job} is the job of {job.owner or 'a container'}, which is not among the declared pods.",
            None,
            job.container_id,
            processes=_evidence(job.members),
        )


def no_leftover_accounts(scene: Scene) -> Seen:
    accounts = _leftovers(scene).get("accounts")
    if accounts and not scene.matching.leaked:
        yield Finding(
            code="HPJ014",
            node=scene.node.name,
            message=f"Local accounts of containers that are gone: {', '.join(accounts)}.",
            expected=[],
            actual=accounts,
            evidence={"accounts": accounts},
        )


def no_leftover_folders(scene: Scene) -> Seen:
    folders = _leftovers(scene).get("rootfs_folders")
    if folders and not scene.matching.leaked:
        yield Finding(
            code="HPJ015",
            node=scene.node.name,
            message=f"{_count(len(folders), 'folder', 'folders')} of containers that are gone: {', '.join(folders)}.",
            expected=[],
            actual=folders,
            evidence={"rootfs_folders": folders},
        )


def leftovers_were_listed(scene: Scene) -> Seen:
    reasons = scene.actual.leftover_reasons
    if reasons:
        refused = "; ".join(f"{LEFTOVER_WORDS.get(name, name)}: {reason}" for name, reason in reasons.items())
        yield Finding(
            code="HPJ028",
            node=scene.node.name,
            message=f"What containers that are gone left behind is not known in full. Not listed: {refused}.",
            evidence={"reasons": dict(reasons)},
        )


def declared_containers_were_seen(scene: Scene) -> Seen:
    if scene.unseen:
        yield Finding(
            code="HPJ029",
            node=scene.node.name,
            message=f"No job object here comes from {_count(len(scene.unseen), 'container', 'containers')} of the "
            f"definition: {'; '.join(scene.unseen)}.",
            evidence={"containers": list(scene.unseen)},
        )


CONTAINER_RULES: tuple[Callable[[Pair, Scene], Seen], ...] = (
    cpu_rate_as_declared,
    memory_limit_as_declared,
    job_protects_the_node,
    silo_as_the_node_makes_it,
    running_job_has_processes,
    processes_in_the_service_session,
    processes_run_as_declared,
    processes_stay_in_the_job,
)

NODE_RULES: tuple[Callable[[Scene], Seen], ...] = (
    running_container_has_a_job,
    container_stayed_the_same,
    one_live_job_per_container,
    no_leaked_jobs,
    no_undeclared_containers,
    no_leftover_accounts,
    no_leftover_folders,
    leftovers_were_listed,
    declared_containers_were_seen,
)


def _leftovers(scene: Scene) -> dict[str, list[str]]:
    """Return folders and accounts that no known container uses.

    A shim that died leaves a job (when something holds it), folders and accounts behind at once: that is one
    fault. So where there is a leaked job they are its evidence, and findings of their own only where there is none.
    """
    ids = {job.container_id.lower() for job in scene.actual.jobs if job not in scene.matching.leaked}
    ids |= scene.actual.bundle_ids
    ids |= {(container.container_id or "").lower() for container in scene.declared}
    used_accounts = {temporary_account(container_id) for container_id in ids if container_id}
    found = {
        "rootfs_folders": [f for f in scene.actual.leftover_folders if _last_part(f) not in ids],
        "accounts": [a for a in scene.actual.leftover_accounts if _last_part(a) not in used_accounts],
    }
    return {name: values for name, values in found.items() if values}


def _last_part(path: str) -> str:
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1].lower()


def _has_rate(job: Job, expected: int) -> bool:
    if expected == NO_LIMIT:
        return not (job.cpu_flags or 0) & CPU_RATE_ENABLE
    return (job.cpu_flags or 0) & (HARD_CAP | 0x2) == HARD_CAP and job.cpu_rate == expected


def _unreadable_limit(pair: Pair, scene: Scene, what: str, limit: str | None, error: QuantityError) -> Finding:
    return scene.about(
        pair, "HPJ027", f"The {what} limit {limit!r} of {pair.declared.owner} can't be read: {error}", None, limit
    )


def _processors_reason(scene: Scene) -> str:
    if scene.processors is None:
        return "the node's logical processors are not known"
    return (
        f"a kubelet older than 1.27 counts one processor group only, and the kubelet's version on this node with "
        f"{scene.processors} logical processors is "
        + (".".join(map(str, scene.node.kubelet)) if scene.node.kubelet else "not known")
    )


def _cpu_text(limit: str | None) -> str:
    return f"CPU {limit}" if limit is not None else "no CPU limit"


def _rate_text(rate: int) -> str:
    return f"a rate of {rate} ({rate / 100:.2f} % of the machine)" if rate else "no CPU rate"


def _job_rate_text(job: Job) -> str:
    flags = job.cpu_flags or 0
    if not flags & CPU_RATE_ENABLE:
        return "no CPU rate"
    if flags & (HARD_CAP | 0x2) == HARD_CAP and job.cpu_rate is not None:
        return _rate_text(job.cpu_rate)
    return f"CPU rate control of another kind (flags 0x{flags:x})"


def _bytes_text(count: int) -> str:
    return f"{count} bytes ({count / 2**20:g} MiB)" if count else "no limit"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _names(processes: tuple[Process, ...] | list[Process]) -> str:
    shown = ", ".join(str(process) for process in processes[:5])
    return shown if len(processes) <= 5 else f"{shown} and {len(processes) - 5} more"


def _about_processes(pair: Pair, processes: list[Process]) -> str:
    return f"{pair.declared.owner} ({_names(processes)})"


def _evidence(processes: tuple[Process, ...] | list[Process]) -> list[dict[str, Any]]:
    return [
        {
            "pid": process.pid,
            "image": process.image,
            "command_line": process.command_line,
            "user": process.user,
            "session_id": process.session_id,
        }
        for process in processes
    ]
