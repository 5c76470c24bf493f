# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verdict: may HostProcess containers run on a node as it is, and what has to be done before they can.

* ``judge(node, kubernetes_version=None, containerd_version=None) -> Verdict``
* ``RULES``                                   every rule with its code; ``docs/readiness-codes.md`` lists the same

A rule is a function of the facts that returns None, or what it found. What is not known is no reason against a node:
one rule of its own (NRD099) says what could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import (
    containerd_rules,
    health_rules,
    kubelet_rules,
    windows_rules,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.facts import Facts, Found
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import versions
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import SupportError

ERROR = "error"
WARNING = "warning"


class Verdict(NamedTuple):
    """``ready`` is false when a reason is an error. Reasons are plain data, errors first, then by code."""

    ready: bool
    reasons: list[dict[str, Any]]


def not_everything_read(facts: Facts) -> Found | None:
    errors = list(facts.get("errors") or [])
    unknown = [
        name
        for name, value in (
            ("Windows build", facts.get("os", "build")),
            ("feature Containers", facts.get("features", "Containers")),
            ("containerd version", facts.get("containerd", "version") or facts.get("containerd", "exists") is False),
            ("kubelet version", facts.get("kubelet", "version") or facts.get("kubelet", "exists") is False),
        )
        if not value
    ]
    if not errors and not unknown:
        return None
    return Found(
        "Not everything could be read"
        + (f"; not known: {', '.join(unknown)}" if unknown else "")
        + ". Rules that need it were left out.",
        "Let the task run as a local administrator; the evidence says what Windows refused.",
        {"errors": errors, "unknown": unknown},
    )


def version_not_in_matrix(facts: Facts) -> Found | None:
    strange = {
        name: str(version)
        for name, version, known in (
            ("containerd", facts.get("containerd", "version"), facts.containerd),
            ("kubernetes", facts.wanted_kubernetes or facts.get("kubelet", "version"), facts.kubernetes),
        )
        if version and known is None
    }
    if not strange:
        return None
    names = " and ".join(f"{name} {version}" for name, version in strange.items())
    return Found(
        f"The support matrix doesn't know {names}. Rules that need it were left out.",
        "Use a version that it knows, or a newer version of this collection.",
        strange,
    )


@dataclass(frozen=True)
class Rule:
    """A stable code, how bad it is, what it is about in a line, and the function that looks."""

    code: str
    severity: str
    title: str
    check: Callable[[Facts], Found | None]


RULES: tuple[Rule, ...] = (
    Rule(
        "NRD001",
        ERROR,
        "Windows is too old for HostProcess containers (Server 2016 and earlier)",
        windows_rules.too_old,
    ),
    Rule(
        "NRD002", WARNING, "This Windows release is out of support, or not in the support matrix", windows_rules.retired
    ),
    Rule("NRD003", ERROR, "The Windows feature Containers is not enabled", windows_rules.feature_missing),
    Rule(
        "NRD004",
        ERROR,
        "A reboot has to finish the installation of Windows components",
        windows_rules.reboot_completes_feature,
    ),
    Rule("NRD005", WARNING, "A reboot is pending for another reason", windows_rules.reboot_pending),
    Rule("NRD006", WARNING, "bindfltapi.dll is absent: no bind mounts, no silo", windows_rules.bind_filter_missing),
    Rule("NRD020", ERROR, "containerd is not installed", containerd_rules.absent),
    Rule("NRD021", ERROR, "containerd is too old for this Kubernetes version", containerd_rules.too_old),
    Rule("NRD022", WARNING, "containerd's support table doesn't list this pair of versions", containerd_rules.unlisted),
    Rule("NRD023", WARNING, "The containerd release has a shim without HostProcess", containerd_rules.needs_newer_shim),
    Rule("NRD024", WARNING, "Another containerd version is wanted than is installed", containerd_rules.other_version),
    Rule("NRD025", ERROR, "containerd is not registered as a service", containerd_rules.unregistered),
    Rule("NRD026", ERROR, "The service containerd is not running", containerd_rules.stopped),
    Rule("NRD027", ERROR, "containerd runs under an account that can't log others on", containerd_rules.wrong_account),
    Rule("NRD028", WARNING, "The service containerd does not start by itself", containerd_rules.not_automatic),
    Rule("NRD029", WARNING, "The recovery of the service containerd gives up", containerd_rules.recovery_ends),
    Rule("NRD030", ERROR, "containerd runs and does not answer on its pipe", containerd_rules.silent),
    Rule("NRD031", WARNING, "The service runs another containerd than the installed one", containerd_rules.elsewhere),
    Rule("NRD032", ERROR, "config.toml begins with a byte order mark", containerd_rules.byte_order_mark),
    Rule("NRD033", ERROR, "The shim is not installed beside containerd", containerd_rules.shim_absent),
    Rule("NRD034", WARNING, "The shim of this containerd patch is not known", containerd_rules.shim_unknown),
    Rule(
        "NRD035", WARNING, "Running shims come from another file than the installed one", containerd_rules.shim_outdated
    ),
    Rule("NRD036", WARNING, "The shim is not the one that this containerd goes with", containerd_rules.shim_mismatched),
    Rule("NRD037", ERROR, "containerd 1.5 holds back the mark of HostProcess", containerd_rules.mark_held_back),
    Rule("NRD040", ERROR, "This Kubernetes version has no HostProcess containers", kubelet_rules.kubernetes_too_old),
    Rule("NRD041", ERROR, "The kubelet is not installed", kubelet_rules.absent),
    Rule("NRD042", WARNING, "Another kubelet version is wanted than is installed", kubelet_rules.other_version),
    Rule("NRD043", ERROR, "The kubelet is not registered as a service", kubelet_rules.unregistered),
    Rule("NRD044", ERROR, "The service kubelet is not running", kubelet_rules.stopped),
    Rule("NRD045", WARNING, "The service kubelet does not start by itself", kubelet_rules.not_automatic),
    Rule("NRD046", WARNING, "The recovery of the service kubelet gives up", kubelet_rules.recovery_ends),
    Rule("NRD047", WARNING, "The kubelet runs under nssm", kubelet_rules.under_nssm),
    Rule("NRD048", WARNING, "The kubelet may start before containerd", kubelet_rules.before_containerd),
    Rule("NRD049", ERROR, "The kubelet's configuration is not there", kubelet_rules.unconfigured),
    Rule("NRD050", ERROR, "The kubelet's configuration has fields that it refuses", kubelet_rules.fields_refused),
    Rule("NRD051", WARNING, "The kubelet's configuration has fields that it ignores", kubelet_rules.fields_ignored),
    Rule(
        "NRD052", ERROR, "The kubelet's configuration sets a feature gate that it refuses", kubelet_rules.gate_refused
    ),
    Rule("NRD053", ERROR, "The kubelet of 1.22 lacks the feature gate of HostProcess", kubelet_rules.gate_missing),
    Rule("NRD060", WARNING, "The disk has less room than the kubelet keeps free", health_rules.disk_short),
    Rule("NRD061", ERROR, "The kubelet's client certificate has ended", health_rules.certificate_expired),
    Rule("NRD062", WARNING, "The kubelet's client certificate was not renewed", health_rules.certificate_not_renewed),
    Rule("NRD063", ERROR, "The node can't reach a server that it was asked to", health_rules.unreachable),
    Rule("NRD098", WARNING, "A version is not in the support matrix", version_not_in_matrix),
    Rule("NRD099", WARNING, "Not everything could be read", not_everything_read),
)


def judge(
    node: Mapping[str, Any],
    kubernetes_version: str | float | None = None,
    containerd_version: str | float | None = None,
) -> Verdict:
    """Judge a node.

    Args:
        node: the ``node`` of a node_info result.
        kubernetes_version: what the node is to run; without it, the installed kubelet's version counts.
        containerd_version: what the node is to run; without it, the installed one is judged as it is.

    Raises:
        NodeError: node is no such result, or a wanted version is not a version.
    """
    facts = Facts(node, kubernetes_version, containerd_version)
    try:
        for wanted in filter(None, (kubernetes_version, containerd_version)):
            versions.parse(wanted)
        found = [(rule, rule.check(facts)) for rule in RULES]
    except SupportError as error:
        raise NodeError(str(error)) from error
    reasons = [
        {"code": rule.code, "severity": rule.severity, **what._asdict()} for rule, what in found if what is not None
    ]
    reasons.sort(key=lambda reason: reason["severity"] != ERROR)
    return Verdict(all(reason["severity"] != ERROR for reason in reasons), reasons)
