# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Feature gates that concern Windows nodes, by component and Kubernetes version.

* ``gate_state(gate, kubernetes_version) -> GateState``          stage, default, whether it may be set
* ``check_gate(component, gate, enabled, kubernetes_version)``   ``GateVerdict``: accepted or not, why, what to do
* ``check_gates(component, gates, kubernetes_version)``          the verdicts that have something to say
* ``components_needing_gate(kubernetes_version) -> tuple``       where WindowsHostProcessContainers must be turned on
* ``hostprocess_supported(kubernetes_version) -> bool``          whether HostProcess containers exist at all
"""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import matrix, versions
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.errors import UnknownVersionError

HOSTPROCESS_GATE = "WindowsHostProcessContainers"
_STARTS_PANICKING = "1.32"


class GateState(NamedTuple):
    """What a Kubernetes version makes of a gate.

    ``stage`` is alpha, beta, ga, deprecated, removed, absent (not there yet) or unknown (a gate this collection
    doesn't know, about which it says nothing).
    """

    gate: str
    line: str
    stage: str
    default: bool | None
    locked: bool

    @property
    def settable(self) -> bool:
        """Whether a component of this version may be given the gate at all."""
        return self.stage not in ("removed", "absent")


class GateVerdict(NamedTuple):
    """Whether a component takes a gate, and what a person should know or do; message and fix are empty if nothing."""

    component: str
    gate: str
    accepted: bool
    message: str
    fix: str


def kubernetes_line(kubernetes_version: str | float) -> dict:
    """Return the support matrix's row for a Kubernetes version.

    Raises:
        UnknownVersionError: the matrix has no row for it.
    """
    line = versions.kubernetes(kubernetes_version).line
    if line not in matrix.KUBERNETES:
        known = list(matrix.KUBERNETES)
        raise UnknownVersionError(
            f"Kubernetes {line} is not in the support matrix, which covers {known[0]} to {known[-1]}."
            " Use one of these, or a newer version of this collection."
        )
    return matrix.KUBERNETES[line]


def gate_state(gate: str, kubernetes_version: str | float) -> GateState:
    """Return stage, default and lock of a gate in a Kubernetes version; newer lines keep the newest known stage."""
    version = versions.kubernetes(kubernetes_version)
    known = matrix.FEATURE_GATES.get(gate)
    if known is None:
        return GateState(gate, version.line, "unknown", None, False)
    stage = _newest(known["stages"], version) or "absent"
    default = _newest(known["default"], version) if stage not in ("absent", "removed") else None
    locked = "locked_since" in known and stage != "removed" and versions.at_least(version, known["locked_since"])
    return GateState(gate, version.line, stage, default, locked)


def check_gate(component: str, gate: str, enabled: bool, kubernetes_version: str | float) -> GateVerdict:
    """Judge one gate for one component (``kubelet``, ``kube-apiserver`` …) before it is written anywhere."""
    state = gate_state(gate, kubernetes_version)
    where = f"{component} {state.line}"

    def verdict(accepted: bool, message: str = "", fix: str = "") -> GateVerdict:
        return GateVerdict(component, gate, accepted, message, fix)

    if state.stage == "unknown":
        return verdict(True)
    if not state.settable:
        return verdict(
            False,
            f"{where} has no feature gate {gate} ({_absence(gate, state)}){_fate(component, state)}",
            f"Remove {gate} from {component}'s feature gates.",
        )
    if state.locked and enabled != state.default:
        return verdict(
            False,
            f"{where} locks feature gate {gate} to {_word(state.default)} and would not start with {_word(enabled)}",
            f"Remove {gate} from {component}'s feature gates.",
        )
    if component not in matrix.FEATURE_GATES[gate]["components"]:
        users = " and ".join(matrix.FEATURE_GATES[gate]["components"])
        return verdict(True, f"{component} does not use feature gate {gate}; {users} does", f"Set {gate} on {users}.")
    if enabled and "never_set" in matrix.FEATURE_GATES[gate]:
        return verdict(True, f"feature gate {gate}: {matrix.FEATURE_GATES[gate]['never_set']}", f"Remove {gate}.")
    if enabled == state.default and state.stage == "ga":
        return verdict(
            True,
            f"feature gate {gate} is {_word(enabled)} in {where} anyway",
            f"Remove {gate}; a later version refuses it.",
        )
    return verdict(True)


def check_gates(component: str, gates: dict[str, bool], kubernetes_version: str | float) -> list[GateVerdict]:
    """Judge a component's gates; return the verdicts that refuse or have something to say, in the order given."""
    verdicts = [check_gate(component, gate, enabled, kubernetes_version) for gate, enabled in gates.items()]
    return [verdict for verdict in verdicts if verdict.message]


def components_needing_gate(kubernetes_version: str | float) -> tuple[str, ...]:
    """Return the components on which WindowsHostProcessContainers must be turned on by hand: none from 1.23 on."""
    return kubernetes_line(kubernetes_version).get("gate_needed_on", ())


def hostprocess_supported(kubernetes_version: str | float) -> bool:
    """Tell whether HostProcess containers can be used with a Kubernetes version at all (1.22 and later)."""
    return bool(kubernetes_line(kubernetes_version)["hostprocess"])


def _newest(by_line: dict, version: versions.Version):
    """Return the entry of the newest line that isn't newer than the version; the table is in ascending order."""
    reached = [entry for line, entry in by_line.items() if versions.at_least(version, line)]
    return reached[-1] if reached else None


def _absence(gate: str, state: GateState) -> str:
    lines = {stage: line for line, stage in matrix.FEATURE_GATES[gate]["stages"].items()}
    return f"removed in {lines['removed']}" if state.stage == "removed" else f"new in {next(iter(lines.values()))}"


def _fate(component: str, state: GateState) -> str:
    """Say how the component ends; the panic was measured on kubelet.exe 1.37.2, the rest is read from the source."""
    if component == "kubelet" and versions.at_least(state.line, _STARTS_PANICKING):
        return f" and panics at start: unrecognized feature gate: {state.gate}"
    return f" and would not start: unrecognized feature gate: {state.gate}"


def _word(enabled: bool | None) -> str:
    return "true" if enabled else "false"
