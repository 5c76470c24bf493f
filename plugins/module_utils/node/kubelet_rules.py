# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kubelet has to be for HostProcess containers. A rule returns None, or what it found."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import service_rules
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.facts import Facts, Found
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gates, kubelet_fields, versions

_KUBELET_ROLE = "Run the role kubewin.hostprocess.kubelet."


def kubernetes_too_old(facts: Facts) -> Found | None:
    if facts.kubernetes is None or gates.hostprocess_supported(facts.kubernetes):
        return None
    version = versions.kubernetes(facts.kubernetes)
    return Found(
        f"Kubernetes {version.line} has no HostProcess containers.",
        "Use 1.22 or later, best 1.26 or later.",
        {"kubernetes": str(version)},
    )


def absent(facts: Facts) -> Found | None:
    if facts.get("kubelet", "exists") is not False:
        return None
    path = facts.get("kubelet", "path")
    return Found(f"The kubelet is not installed: there is no {path}.", _KUBELET_ROLE, {"path": path})


def other_version(facts: Facts) -> Found | None:
    wanted, installed = facts.wanted_kubernetes, facts.get("kubelet", "version")
    if not wanted or not installed:
        return None
    asked, have = versions.kubernetes(wanted), versions.parse(installed)
    names_a_patch = str(wanted).count(".") > 1
    if (asked == have) if names_a_patch else (asked[:2] == have[:2]):
        return None
    return Found(
        f"kubelet {installed} is installed, {wanted} is wanted.",
        _KUBELET_ROLE,
        {"installed": installed, "wanted": str(wanted)},
    )


def unregistered(facts: Facts) -> Found | None:
    return service_rules.unregistered(facts, "kubelet", _KUBELET_ROLE)


def stopped(facts: Facts) -> Found | None:
    return service_rules.stopped(facts, "kubelet", "Start it; if it stops again, run its command line by hand.")


def not_automatic(facts: Facts) -> Found | None:
    return service_rules.not_automatic(facts, "kubelet")


def recovery_ends(facts: Facts) -> Found | None:
    return service_rules.recovery_ends(facts, "kubelet")


def under_nssm(facts: Facts) -> Found | None:
    command = facts.get("services", "kubelet", "command_line") or ""
    wrapped = facts.get("services", "kubelet", "nssm")
    if not wrapped and not (service_rules.program(command) or "").casefold().endswith("\\nssm.exe"):
        return None
    return Found(
        "The kubelet runs under nssm: Windows sees nssm's state, not the kubelet's.",
        "Register kubelet.exe --windows-service as the service itself.",
        {"command_line": command, "nssm": wrapped},
    )


def before_containerd(facts: Facts) -> Found | None:
    dependencies = facts.get("services", "kubelet", "dependencies")
    if dependencies is None or "containerd" in (name.casefold() for name in dependencies):
        return None
    return Found(
        "The kubelet's service does not depend on containerd's, and the kubelet ends when the runtime's pipe is not"
        " there yet.",
        "Make the service kubelet depend on containerd.",
        {"dependencies": list(dependencies)},
    )


def unconfigured(facts: Facts) -> Found | None:
    if facts.get("kubelet", "config", "exists") is not False:
        return None
    path = facts.get("kubelet", "config", "path")
    return Found(f"There is no kubelet configuration at {path}.", _KUBELET_ROLE, {"path": path})


def fields_refused(facts: Facts) -> Found | None:
    return _configuration(facts, "refused")


def fields_ignored(facts: Facts) -> Found | None:
    return _configuration(facts, "ignored")


def _configuration(facts: Facts, state: str) -> Found | None:
    configuration = facts.kubelet_configuration
    version = facts.get("kubelet", "version") or facts.kubernetes
    if configuration is None or version is None:
        return None
    verdicts = [v for v in kubelet_fields.check_fields(dict(configuration), version) if v.state == state]
    return _joined([(verdict.message, verdict.fix, verdict.field) for verdict in verdicts], "fields")


def gate_refused(facts: Facts) -> Found | None:
    configuration, version = facts.kubelet_configuration, facts.get("kubelet", "version") or facts.kubernetes
    wanted = (configuration or {}).get("featureGates")
    if not isinstance(wanted, Mapping) or version is None:
        return None
    refused = [v for v in gates.check_gates("kubelet", dict(wanted), version) if not v.accepted]
    return _joined([(verdict.message, verdict.fix, verdict.gate) for verdict in refused], "feature_gates")


def gate_missing(facts: Facts) -> Found | None:
    """Only 1.22 has the gate and has it off; the command line wins over the configuration."""
    version = facts.get("kubelet", "version") or facts.kubernetes
    if version is None or not gates.off_by_default(gates.HOSTPROCESS_GATE, version):
        return None
    configured = (facts.kubelet_configuration or {}).get("featureGates") or {}
    command = str(facts.get("services", "kubelet", "command_line") or "")
    if configured.get(gates.HOSTPROCESS_GATE) is True or f"{gates.HOSTPROCESS_GATE}=true" in command:
        return None
    return Found(
        f"kubelet {versions.kubernetes(version)} runs HostProcess containers only with the feature gate"
        f" {gates.HOSTPROCESS_GATE}, and it is not on.",
        f"{_KUBELET_ROLE} kube-apiserver needs the gate too: the role kubewin.hostprocess.control_plane.",
        {"feature_gates": [gates.HOSTPROCESS_GATE]},
    )


def _joined(parts: list[tuple[str, str, str]], evidence: str) -> Found | None:
    if not parts:
        return None
    messages, fixes, names = zip(*parts, strict=True)
    return Found("; ".join(messages) + ".", " ".join(fixes), {evidence: list(names)})
