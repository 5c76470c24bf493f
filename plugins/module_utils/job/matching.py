# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which job belongs to which declared container, and what becomes of those that belong to none.

Every container start has a new id and so a new job (facts section 4.6): ids decide, and the pod that a bundle
names tells an old generation of a container from a stranger. Each job gets exactly one place here, which is what
keeps one fault from being reported twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import Actual, Declared, Job


@dataclass(frozen=True)
class Pair:
    """A declared container and the job that carries its id."""

    declared: Declared
    job: Job


@dataclass
class Matching:
    """Every container and job of one node, each in one place. ``passing`` is starting or ending: nothing to say."""

    pairs: list[Pair] = field(default_factory=list)
    missing: list[Declared] = field(default_factory=list)
    restarted: list[Pair] = field(default_factory=list)
    duplicates: list[Pair] = field(default_factory=list)
    leaked: list[Job] = field(default_factory=list)
    undeclared: list[Job] = field(default_factory=list)
    passing: list[Job] = field(default_factory=list)


def match(declared: Iterable[Declared], actual: Actual) -> Matching:
    """Give every declared container and every listed job of a node its place."""
    containers = list(declared)
    found = Matching()
    jobs = _one_job_per_id(actual.jobs, containers, found)
    by_id = {container.container_id: container for container in containers if container.container_id}
    by_owner = {container.owner: container for container in containers}

    strangers = []
    for job in jobs:
        container = by_id.get(job.container_id)
        if container is None or (container.state == "terminated" and not job.has_bundle):
            strangers.append(job)
        elif container.state == "running":
            found.pairs.append(Pair(container, job))
        else:
            found.passing.append(job)

    with_job = {pair.declared.owner for pair in found.pairs}
    for job in strangers:
        _place_stranger(job, by_owner.get(job.owner), with_job, found)

    explained = with_job | {pair.declared.owner for pair in found.restarted}
    found.missing = [c for c in containers if c.state == "running" and c.owner not in explained]
    return found


def _one_job_per_id(jobs: Iterable[Job], containers: list[Declared], found: Matching) -> list[Job]:
    """Return one listed job for each container id; further ones with processes are duplicates at once."""
    by_id = {container.container_id: container for container in containers if container.container_id}
    chosen: dict[str, Job] = {}
    for job in sorted((job for job in jobs if job.listed), key=lambda job: (-len(job.members), job.path)):
        key = job.container_id or job.path
        container = by_id.get(job.container_id)
        if key not in chosen:
            chosen[key] = job
        elif job.members and container is not None:
            found.duplicates.append(Pair(container, job))
        else:
            found.leaked.append(job)
    return list(chosen.values())


def _place_stranger(job: Job, current: Declared | None, with_job: set, found: Matching) -> None:
    """Place a job whose id no running container has; ``current`` is the container now in its owner's place."""
    if current is not None and current.state != "running" and job.has_bundle:
        found.passing.append(job)
    elif current is not None and current.owner not in with_job and job.has_bundle:
        found.restarted.append(Pair(current, job))
    elif current is not None and current.owner in with_job and job.members:
        found.duplicates.append(Pair(current, job))
    elif current is not None and job.has_bundle:
        found.passing.append(job)
    elif job.has_bundle:
        found.undeclared.append(job)
    else:
        found.leaked.append(job)
