# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lint rules about limits: what becomes of them on the job object (facts section 4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules import quantity
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import QuantityError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.lint_rule import Problem, rule
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import Container, Pod, at, containers
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.target import Target

MEBIBYTE = 2**20
NEGATIVE = "must be greater than or equal to 0"


@rule("HPL011", "warning", "no memory limit", "Set resources.limits.memory, and requests.memory to the same.")
def no_memory_limit(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The job object then has no memory limit, and Windows has no out-of-memory killer: one leaking container can take
    the node down."""
    for container in _limited(pod):
        if not _amount(container, "memory"):
            yield Problem(
                f"{container.path}.resources.limits.memory",
                f"container {container.name} may commit all memory of the node",
            )


@rule("HPL012", "info", "no CPU limit", "Set resources.limits.cpu.")
def no_cpu_limit(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The job object then has no CPU rate control, and the container may use all processors of the node."""
    for container in _limited(pod):
        if not _amount(container, "cpu"):
            yield Problem(
                f"{container.path}.resources.limits.cpu",
                f"container {container.name} may use all processors of the node",
            )


@rule(
    "HPL013", "error", "the memory limit is below 1 MiB", "Set resources.limits.memory to 1Mi or more; most need 64Mi."
)
def tiny_memory_limit(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The shim counts in whole mebibytes and rounds down. What comes to 0 sets no limit at all."""
    for container in _limited(pod):
        amount = _amount(container, "memory")
        if amount and amount < MEBIBYTE:
            limit = at(container.body, "resources", "limits", "memory")
            yield Problem(
                f"{container.path}.resources.limits.memory", f"{limit} is below 1 MiB, so no limit is set at all"
            )


@rule("HPL014", "info", "the memory limit is no whole number of MiB", "Write the limit in Mi.")
def ragged_memory_limit(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The shim counts in whole mebibytes and rounds down, so the job object's limit is lower than the one declared."""
    for container in _limited(pod):
        amount = _amount(container, "memory")
        if amount and amount > MEBIBYTE and amount % MEBIBYTE:
            limit = at(container.body, "resources", "limits", "memory")
            yield Problem(
                f"{container.path}.resources.limits.memory",
                f"{limit} becomes {amount // MEBIBYTE} MiB on the job object",
            )


@rule(
    "HPL015",
    "error",
    "a limit is no amount",
    "Write a number that is not negative, with an optional suffix: 500m, 2, 200Mi.",
)
def unreadable_limit(pod: Pod, target: Target, pods: list[Pod]) -> Iterator[Problem]:
    """The API server refuses the object."""
    for container in containers(pod):
        for part in ("limits", "requests"):
            for resource, declared in (at(container.body, "resources", part) or {}).items():
                if reason := _refusal(declared):
                    yield Problem(f"{container.path}.resources.{part}.{resource}", f"{declared!r}: {reason}")


def _limited(pod: Pod) -> Iterator[Container]:
    """Containers that can have limits; the API server forbids resources on ephemeral ones."""
    return (container for container in containers(pod) if container.field != "ephemeralContainers")


def _amount(container: Container, resource: str) -> int:
    """A limit in whole units, rounded up as the kubelet does; 0 if there is none, 1 MiB if HPL015 refuses it."""
    declared: Any = at(container.body, "resources", "limits", resource)
    if _refusal(declared):
        return MEBIBYTE
    return 0 if declared is None else quantity.value(declared)


def _refusal(declared: Any) -> str:
    """The API server's words about an amount that it refuses.

    Null is none of them: Go's decoder makes zero of it, which limits nothing (k8s.io/apimachinery v0.36.3
    Quantity.UnmarshalJSON; not tried on an API server).
    """
    try:
        return NEGATIVE if declared is not None and quantity.parse(declared) < 0 else ""
    except QuantityError as error:
        return str(error)
