# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a probe saw on one node and what the cluster declared, as plain objects.

* ``parse_actual(result) -> Actual``        a ``job_object_info`` result
* ``parse_declared(items) -> [Declared]``   the ``containers`` of a ``workload_info`` result

None always means "not known", never zero and never absent: a probe says null where Windows refused the value.
A limit that Windows answered with "not set" is NO_LIMIT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import ShapeError

# winnt.h; which of them hcsshim sets: internal/jobobject/limits.go, facts section 4.1.
LIMIT_JOB_MEMORY = 0x200
LIMIT_BREAKAWAY = 0x800 | 0x1000
LIMIT_KILL_ON_CLOSE = 0x2000
CPU_RATE_ENABLE = 0x1
CPU_RATE_WEIGHT = 0x2
CPU_RATE_HARD_CAP = 0x4

NO_LIMIT = 0

JOB_PREFIX = "JobContainer_"
# As many digits as crictl shows.
SHORT_ID = 13


def short(container_id: str | None) -> str:
    """Return a container id as crictl shows it."""
    return (container_id or "")[:SHORT_ID]


@dataclass(frozen=True)
class Process:
    """One process that belongs to a container; ``in_job`` is false when it left the container's job."""

    pid: int
    image: str = ""
    command_line: str = ""
    user: str | None = None
    user_sid: str | None = None
    session_id: int | None = None
    in_job: bool = True
    reason: str = "the probe gave no value"

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"

    @property
    def name(self) -> str:
        """The file name: an image is a full path where the process could be opened, else a name."""
        return self.image.replace("/", "\\").rpartition("\\")[2] or "process"


@dataclass(frozen=True)
class Owner:
    """The container that a job's bundle names: what to compare with the declaration when ids differ."""

    namespace: str
    pod: str
    container: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}/{self.container}"


@dataclass(frozen=True)
class Job:
    """One job object, or a container's bundle without one (``listed`` is false then)."""

    name: str
    container_id: str
    directory: str = ""
    listed: bool = True
    has_bundle: bool = False
    owner: Owner | None = None
    processes: tuple[Process, ...] = ()
    limit_flags: int | None = None
    memory_limit: int | None = None
    cpu_flags: int | None = None
    cpu_rate: int | None = None
    kill_on_close: bool | None = None
    breakaway: bool | None = None
    silo: bool | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def members(self) -> tuple[Process, ...]:
        return tuple(process for process in self.processes if process.in_job)

    @property
    def escaped(self) -> tuple[Process, ...]:
        return tuple(process for process in self.processes if not process.in_job)

    @property
    def path(self) -> str:
        return f"{self.directory}\\{self.name}" if self.directory else self.name

    def __str__(self) -> str:
        """The name as a person can read it; crictl takes a shortened id too, and evidence has the whole."""
        return f"{JOB_PREFIX}{short(self.container_id)}" if self.container_id else self.name

    def reason(self, *fields: str) -> str:
        """Return why a value is not known, as the probe said it for the first of these fields."""
        said = (self.reasons[name] for name in fields if self.reasons.get(name))
        return next(said, "the probe gave no value")


@dataclass(frozen=True)
class Actual:
    """Everything that one probe of one node saw."""

    source: str
    logical_processors: int | None
    jobs: tuple[Job, ...]
    unsearched: tuple[str, ...] = ()
    vanished: frozenset[str] = frozenset()
    bundle_ids: frozenset[str] = frozenset()
    leftover_folders: tuple[str, ...] = ()
    leftover_accounts: tuple[str, ...] = ()
    leftover_reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def absence_is_proof(self) -> bool:
        """Whether a job that isn't here doesn't exist: WMI hides what it can't open (facts section 4.4)."""
        return self.source != "cim" and not self.unsearched


@dataclass(frozen=True)
class Declared:
    """One HostProcess container as the API server has it now."""

    namespace: str
    pod: str
    container: str
    node: str = ""
    kind: str = "container"
    container_id: str | None = None
    state: str = "waiting"
    run_as_user: str | None = None
    cpu: str | None = None
    memory: str | None = None

    @property
    def owner(self) -> Owner:
        return Owner(self.namespace, self.pod, self.container)


def parse_actual(result: Mapping[str, Any]) -> Actual:
    """Read a ``job_object_info`` result.

    Raises:
        ShapeError: when it is no such result.
    """
    if not isinstance(result, Mapping) or not isinstance(result.get("job_objects"), Sequence):
        raise ShapeError(
            "The actual job objects are not a result of kubewin.hostprocess.job_object_info: "
            "there is no list 'job_objects'. Register that module's result and hand over the whole of it."
        )
    leftovers = result.get("leftovers") or {}
    return Actual(
        source=result.get("source") or "win32",
        logical_processors=result.get("logical_processors") or None,
        jobs=tuple(_job(item) for item in result["job_objects"]),
        unsearched=tuple(_unsearched(result.get("searched") or [])),
        vanished=frozenset(result.get("vanished") or ()),
        bundle_ids=frozenset(bundle.get("container_id") or "" for bundle in result.get("bundles") or []),
        leftover_folders=tuple(leftovers.get("rootfs_folders") or ()),
        leftover_accounts=tuple(leftovers.get("accounts") or ()),
        leftover_reasons={name: _reason(error) for name, error in (leftovers.get("errors") or {}).items()},
    )


def parse_declared(items: Sequence[Mapping[str, Any]]) -> tuple[Declared, ...]:
    """Read the ``containers`` of a ``workload_info`` result.

    Raises:
        ShapeError: when an item names no pod or container.
    """
    return tuple(_declared(item) for item in items)


def _declared(item: Mapping[str, Any]) -> Declared:
    try:
        limits = item.get("limits") or {}
        return Declared(
            namespace=item["namespace"],
            pod=item["pod"],
            container=item["container"],
            node=item.get("node") or "",
            kind=item.get("kind") or "container",
            container_id=item.get("container_id"),
            state=item.get("state") or "waiting",
            run_as_user=item.get("run_as_user"),
            cpu=_optional_text(limits.get("cpu")),
            memory=_optional_text(limits.get("memory")),
        )
    except (KeyError, AttributeError, TypeError) as error:
        raise ShapeError(
            f"A declared container is not shaped like those of kubewin.hostprocess.workload_info ({error}): {item!r}"
        ) from error


def _optional_text(value: Any) -> str | None:
    return None if value is None else str(value)


def _unsearched(searched: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the object directories that the probe was refused, or all when it found none at all.

    A directory that doesn't exist says nothing: the probe asks for several, and most nodes have one of them.
    """
    refused = [item for item in searched if item.get("status") == "refused"]
    if searched and all(item.get("status") == "not_found" for item in searched):
        refused = list(searched)
    return [f"{item.get('directory')} could not be read ({item.get('status')})" for item in refused]


def _job(item: Mapping[str, Any]) -> Job:
    if not isinstance(item, Mapping) or not item.get("name"):
        raise ShapeError(f"A job object without a name: {item!r}")
    limits = item.get("limits") or {}
    cpu = item.get("cpu_rate") or {}
    found_by = item.get("found_by") or ["object_directory"]
    flags = limits.get("flags")
    return Job(
        name=item["name"],
        container_id=item.get("container_id") or "",
        directory=item.get("directory") or "",
        listed=any(witness != "bundle" for witness in found_by),
        has_bundle="bundle" in found_by,
        owner=_owner(item),
        processes=tuple(_process(process) for process in item.get("processes") or []),
        limit_flags=flags,
        memory_limit=_memory_limit(flags, limits.get("job_memory_bytes")),
        cpu_flags=cpu.get("control_flags"),
        cpu_rate=cpu.get("rate"),
        kill_on_close=_flag(item.get("kill_on_close"), flags, LIMIT_KILL_ON_CLOSE),
        breakaway=_flag(item.get("breakaway"), flags, LIMIT_BREAKAWAY),
        silo=item.get("silo"),
        reasons={name: _reason(error) for name, error in (item.get("errors") or {}).items()},
    )


def _memory_limit(flags: int | None, value: int | None) -> int | None:
    """Return the limit in bytes; the field means nothing without its flag (facts section 4.4, wsman-facts 1e)."""
    if flags is None:
        return None
    return value if flags & LIMIT_JOB_MEMORY else NO_LIMIT


def _flag(said: bool | None, flags: int | None, mask: int) -> bool | None:
    if said is not None:
        return bool(said)
    return None if flags is None else bool(flags & mask)


def _owner(item: Mapping[str, Any]) -> Owner | None:
    pod = item.get("pod")
    if not pod or not pod.get("name"):
        return None
    return Owner(pod.get("namespace") or "", pod["name"], item.get("container_name") or "")


def _process(item: Mapping[str, Any]) -> Process:
    return Process(
        pid=int(item.get("pid") or 0),
        image=item.get("image") or "",
        command_line=item.get("command_line") or "",
        user=item.get("user"),
        user_sid=item.get("user_sid"),
        session_id=item.get("session_id"),
        in_job=item.get("in_job") is not False,
        reason=_process_reason(item.get("errors") or {}),
    )


def _process_reason(errors: Mapping[str, Any]) -> str:
    """Return why a process's user is not known, else why anything of it is not."""
    said = [errors[name] for name in ("user", *errors) if name in errors]
    return _reason(said[0]) if said else Process.reason


def _reason(error: Any) -> str:
    if not isinstance(error, Mapping):
        return str(error)
    message = str(error.get("message") or "refused")
    code = error.get("win32_error")
    return f"{message} (Win32 error {code})" if code else message
