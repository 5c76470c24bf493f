# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Declared containers out of manifests alone: the job objects of a node are given to the pod templates that made them.

A bundle names its pod, not what controls the pod, so a pod is known by its name: that of its workload and what the
controller adds. The five random characters and the cut at 58: k8s.io/apiserver pkg/storage/names; their alphabet:
k8s.io/apimachinery pkg/util/rand (both v0.36.3). What a manifest can't say: which pods should be on this node, and
what admission changed in them (a LimitRange's limits, for example).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import DefinitionError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import Actual, Declared, Job, Owner
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.node import Node
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import (
    Container,
    Pod,
    at,
    containers,
    effective_option,
    find_pod,
)

LONGEST_STEM = 58
LONGEST_NAME = 63
_SAFE = "[bcdfghjklmnpqrstvwxz2456789]"
_RANDOM = _SAFE + "{5}"
# What each controller puts behind its own name. The hash of a Deployment's ReplicaSet is a number of 32 bits, its
# digits in that alphabet; a CronJob's Job carries minutes; pods of an indexed Job carry their index.
_SUFFIXES = {
    "Pod": "",
    "DaemonSet": f"-{_RANDOM}",
    "ReplicaSet": f"-{_RANDOM}",
    "ReplicationController": f"-{_RANDOM}",
    "Deployment": f"-{_SAFE}{{1,10}}-{_RANDOM}",
    "StatefulSet": r"-\d+",
    "Job": rf"(-\d+)?-{_RANDOM}",
    "CronJob": rf"-\d+(-\d+)?-{_RANDOM}",
}


@dataclass(frozen=True)
class Template:
    """One HostProcess container of a pod or of a workload's pod template. Without a namespace it fits any."""

    kind: str
    name: str
    generated: bool
    namespace: str | None
    container: str
    lasting: bool
    run_as_user: str | None
    cpu: str | None
    memory: str | None

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}, container {self.container}"

    def made(self, owner: Owner) -> bool:
        """Return whether a container can come from this template."""
        here = self.namespace in (None, owner.namespace) and self.container == owner.container
        return here and self._named(owner.pod)

    def _named(self, pod: str) -> bool:
        added = (_RANDOM if self.generated else "") + _SUFFIXES[self.kind]
        if re.fullmatch(re.escape(self.name) + added, pod):
            return True
        cut = added.endswith(_RANDOM) and len(pod) == LONGEST_NAME
        return (
            cut and self._named_before_the_cut(pod[:LONGEST_STEM]) and bool(re.fullmatch(_RANDOM, pod[LONGEST_STEM:]))
        )

    def _named_before_the_cut(self, stem: str) -> bool:
        """Return whether a stem as long as any can be this name's: the cut may fall into what the controller added."""
        if len(self.name) >= LONGEST_STEM:
            return stem == self.name[:LONGEST_STEM]
        parted = "" if self.generated else "-"
        return re.fullmatch(re.escape(self.name) + parted + "[0-9a-z]*-?", stem) is not None


def parse_templates(definitions: Iterable[Mapping[str, Any]]) -> tuple[Template, ...]:
    """Return the HostProcess containers that objects declare; objects that make no pods are passed over.

    Raises:
        DefinitionError: there is no HostProcess container in any of them.
    """
    pods = (find_pod(dict(definition)) for definition in definitions)
    found = tuple(
        _template(pod, container)
        for pod in pods
        if pod is not None and pod.kind in _SUFFIXES
        for container in containers(pod)
        if effective_option(pod, container, "hostProcess") is True
    )
    if not found:
        raise DefinitionError("The definition has no HostProcess container, so there is nothing to compare.")
    return found


def declare(templates: Iterable[Template], actual: Actual, node: Node) -> tuple[list[Declared], Actual, list[str]]:
    """Give the jobs of a node to the templates that made them.

    Returns:
        The declared containers; what is to be compared with them, which leaves out containers of other workloads;
        and the templates of lasting containers that no job was found for.

    Raises:
        DefinitionError: the source does not know pods.
    """
    if actual.source == "cim":
        raise DefinitionError(
            "WMI does not know which pod a job object belongs to, so a definition can't be compared with what "
            "source=cim read: read the job objects with source=win32, or hand over declared."
        )
    templates = list(templates)
    declared: dict[Owner, Declared] = {}
    others: set[str] = set()
    seen: set[Template] = set()
    for job in sorted(actual.jobs, key=lambda job: -len(job.members)):
        template = next((one for one in templates if job.owner and one.made(job.owner)), None)
        if template is not None:
            seen.add(template)
            declared.setdefault(job.owner, _declared(template, job, node))
        elif job.has_bundle:
            others.add(job.path)
    compared = replace(
        actual,
        jobs=tuple(job for job in actual.jobs if job.path not in others),
        bundle_ids=actual.bundle_ids | {job.container_id for job in actual.jobs if job.has_bundle},
    )
    unseen = [str(template) for template in templates if template.lasting and template not in seen]
    return list(declared.values()), compared, unseen


def _template(pod: Pod, container: Container) -> Template:
    limits = at(container.body, "resources", "limits") or {}
    metadata = pod.owner_metadata
    return Template(
        kind=pod.kind,
        name=pod.name,
        generated=not metadata.get("name") and bool(metadata.get("generateName")),
        namespace=pod.namespace,
        container=container.name,
        lasting=container.field == "containers" or container.body.get("restartPolicy") == "Always",
        run_as_user=effective_option(pod, container, "runAsUserName"),
        cpu=_text(limits.get("cpu")),
        memory=_text(limits.get("memory")),
    )


def _declared(template: Template, job: Job, node: Node) -> Declared:
    """A job without a process belongs to a container that starts or ends: nothing to say about it."""
    return Declared(
        namespace=job.owner.namespace,
        pod=job.owner.pod,
        container=job.owner.container,
        node=node.name,
        container_id=job.container_id,
        state="running" if job.members or "processes" in job.reasons else "waiting",
        run_as_user=template.run_as_user,
        cpu=template.cpu,
        memory=template.memory,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
