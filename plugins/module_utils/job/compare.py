# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare one node's declared containers with its job objects: findings for the report, a row for each container."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.findings import (
    INFO,
    SEVERITIES,
    Finding,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.limits import memory_bytes
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.matching import match
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import Actual, Declared, Job, Owner
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.node import Node
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.rules import (
    CONTAINER_RULES,
    NODE_RULES,
    Scene,
    Unknown,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import QuantityError

# Unknowns that leave a declared limit or the job itself unproven; the others concern the node, not the declaration.
LEAVES_UNPROVEN = {"HPJ020", "HPJ021", "HPJ022", "HPJ025"}


@dataclass(frozen=True)
class Comparison:
    """What one node's check came to."""

    findings: list[Finding]
    rows: list[dict[str, Any]]


def compare(declared: Iterable[Declared], actual: Actual, node: Node, unseen: Iterable[str] = ()) -> Comparison:
    """Compare, and return every finding once, the worst first.

    Args:
        declared: containers of the whole cluster; those of other nodes are left out.
        actual: what the probe saw on this node.
        node: its name as the cluster has it, and what else is known of it.
        unseen: containers that a manifest declares, without a job on this node.
    """
    here = tuple(container for container in declared if container.node == node.name)
    scene = Scene(node, actual, match(here, actual), here, tuple(unseen))
    findings: list[Finding] = []
    unknowns: list[Unknown] = []
    unproven: set[Owner] = set()
    for pair in scene.matching.pairs:
        for seen in (result for rule in CONTAINER_RULES for result in rule(pair, scene)):
            if isinstance(seen, Finding):
                findings.append(seen)
                continue
            unknowns.append(seen)
            if seen.code in LEAVES_UNPROVEN:
                unproven.add(pair.declared.owner)
    for seen in (result for rule in NODE_RULES for result in rule(scene)):
        (findings if isinstance(seen, Finding) else unknowns).append(seen)
    unproven |= {pair.declared.owner for pair in scene.matching.restarted}
    if not actual.absence_is_proof:
        unproven |= {container.owner for container in scene.matching.missing}
    findings += _merge(unknowns, node.name)
    findings.sort(key=_order)
    return Comparison(findings, _rows(scene, findings, unproven))


def _merge(unknowns: list[Unknown], node: str) -> list[Finding]:
    """Return one finding for each kind and reason of not knowing."""
    groups: dict[tuple[str, str], list[str]] = {}
    for unknown in unknowns:
        groups.setdefault((unknown.code, unknown.reason), []).append(unknown.about)
    return [
        Finding(
            code=code,
            node=node,
            message=f"Not determined for {len(about)} of this node's containers: {reason}.",
            evidence={"reason": reason, "containers": about},
        )
        for (code, reason), about in groups.items()
    ]


def _order(finding: Finding) -> tuple:
    place = (finding.namespace or "", finding.pod or "", finding.container or "", finding.job or "")
    return (SEVERITIES.index(finding.severity), finding.code, *place)


def _rows(scene: Scene, findings: list[Finding], unproven: set[Owner]) -> list[dict[str, Any]]:
    """Return a row for each running container, and one for each job that no running container has."""
    troubled = {(f.namespace, f.pod, f.container) for f in findings if f.severity != INFO}
    jobs = {pair.declared.owner: pair.job for pair in scene.matching.pairs + scene.matching.restarted}
    rows = []
    for container in sorted(scene.declared, key=lambda item: (item.namespace, item.pod, item.container)):
        if container.state != "running":
            continue
        place = (container.namespace, container.pod, container.container)
        verdict = "finding" if place in troubled else "undetermined" if container.owner in unproven else "ok"
        rows.append(_row(scene, container, jobs.get(container.owner), verdict))
    strays = [*scene.matching.leaked, *scene.matching.undeclared, *(pair.job for pair in scene.matching.duplicates)]
    for job in strays:
        owner = job.owner or Owner("", "", "")
        nobody = Declared(owner.namespace, owner.pod, owner.container, node=scene.node.name)
        rows.append(_row(scene, nobody, job, "finding", stray=True))
    return rows


def _row(scene: Scene, container: Declared, job: Job | None, verdict: str, stray: bool = False) -> dict[str, Any]:
    try:
        expected_rate, expected_bytes = scene.expected_rate(container), memory_bytes(container.memory)
    except QuantityError:
        expected_rate = expected_bytes = None
    return {
        "node": scene.node.name,
        "namespace": container.namespace,
        "pod": container.pod,
        "container": container.container,
        "job_object": job.name if job else None,
        "processes": len(job.members) if job else 0,
        "cpu": {
            "declared": container.cpu,
            "expected_rate": expected_rate or None,
            "actual_rate": (job.cpu_rate or None) if job and job.cpu_flags else None,
        },
        "memory": {
            "declared": container.memory,
            "expected_bytes": expected_bytes or None,
            "actual_bytes": (job.memory_limit or None) if job else None,
        },
        "verdict": verdict,
        "stray": stray,
    }
