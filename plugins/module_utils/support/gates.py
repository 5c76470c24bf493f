# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Feature gates, by component and Kubernetes version.

From 1.29 on every gate of the kubelet is known (gate_table.py). For older versions there are only the gates that
concern Windows nodes, from the facts; what is not known there is left to the component.

* ``gate_state(gate, kubernetes_version) -> GateState``          stage, default, whether it may be set
* ``check_gate(component, gate, enabled, kubernetes_version)``   ``GateVerdict``: accepted or not, why, what to do
* ``check_gates(component, gates, kubernetes_version)``          the verdicts that have something to say
* ``off_by_default(gate, kubernetes_version) -> bool``         whether it is there and has to be turned on
* ``components_needing_gate(kubernetes_version) -> tuple``       where WindowsHostProcessContainers must be turned on
* ``hostprocess_supported(kubernetes_version) -> bool``          whether HostProcess containers exist at all
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gate_history, matrix, versions

HOSTPROCESS_GATE = "WindowsHostProcessContainers"
_STARTS_PANICKING = "1.32"
# Components all of whose gates the table has; the others have some of their own beside Kubernetes' common ones.
_KNOWN_WHOLE = ("kubelet",)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.rows import row_of


class GateState(NamedTuple):
    """What a Kubernetes version makes of a gate.

    ``stage`` is alpha, beta, ga, deprecated, removed, absent (not there yet), unrecognized (no kubelet of this version
    has it) or unknown (a gate this collection doesn't know in this version, about which it says nothing). ``needs``
    are the gates that must be on for this one to be on.
    """

    gate: str
    line: str
    stage: str
    default: bool | None
    locked: bool
    needs: tuple[str, ...] = ()

    @property
    def settable(self) -> bool:
        """Whether a component of this version may be given the gate at all."""
        return self.stage not in ("removed", "absent", "unrecognized")


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
    return row_of(matrix.KUBERNETES, "Kubernetes", versions.kubernetes(kubernetes_version).line)


def gate_state(gate: str, kubernetes_version: str | float) -> GateState:
    """Return stage, default and lock of a gate in a Kubernetes version; newer lines keep the newest known stage."""
    version = versions.kubernetes(kubernetes_version)
    row = gate_history.gate_at(gate, version) if gate_history.covers(version) else None
    if row is not None:
        return GateState(gate, version.line, row.stage, row.default, row.locked, row.needs)
    known = matrix.FEATURE_GATES.get(gate)
    if known is None:
        return GateState(gate, version.line, _without_a_row(version), None, False)
    stage = _newest(known["stages"], version) or "absent"
    default = _newest(known["default"], version) if stage not in ("absent", "removed") else None
    locked = "locked_since" in known and stage != "removed" and versions.at_least(version, known["locked_since"])
    return GateState(gate, version.line, stage, default, locked)


def _without_a_row(version: versions.Version) -> str:
    """What a name is that no table has: a patch after the one that was asked could have it, an older one can't."""
    asked = gate_history.asked_patch(version)
    return "unrecognized" if asked is not None and version <= asked else "unknown"


def check_gate(component: str, gate: str, enabled: bool, kubernetes_version: str | float) -> GateVerdict:
    """Judge one gate for one component (``kubelet``, ``kube-apiserver`` …) before it is written anywhere."""
    state = gate_state(gate, kubernetes_version)
    where = f"{component} {state.line}"

    def verdict(accepted: bool, message: str = "", fix: str = "") -> GateVerdict:
        return GateVerdict(component, gate, accepted, message, fix)

    if state.stage == "unknown":
        return _unknown(component, state, verdict, versions.kubernetes(kubernetes_version))
    if state.stage == "unrecognized":
        return _unrecognized(component, state, verdict)
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
    known = matrix.FEATURE_GATES.get(gate, {})
    if component not in known.get("components", (component,)):
        users = " and ".join(known["components"])
        return verdict(True, f"{component} does not use feature gate {gate}; {users} does", f"Set {gate} on {users}.")
    if enabled and "never_set" in known:
        return verdict(True, f"feature gate {gate}: {known['never_set']}", f"Remove {gate}.")
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
    if component in _KNOWN_WHOLE:
        verdicts += _unmet(component, gates, versions.kubernetes(kubernetes_version))
    return [verdict for verdict in verdicts if verdict.message]


def _unmet(component: str, chosen: dict[str, bool], version: versions.Version) -> list[GateVerdict]:
    """Refuse gates that are on while one that they need is off: such a component ends at its start."""
    if not gate_history.covers(version):
        return []
    known = gate_history.gates_at(version)
    on = {gate: _is_on(gate, row, chosen) for gate, row in known.items()}
    unmet = [(gate, need) for gate, row in known.items() if on[gate] for need in row.needs if not on.get(need, False)]
    return [
        GateVerdict(
            component,
            gate,
            False,
            f"{component} {version.line} does not start with feature gate {gate} on and {need} off",
            f"Turn {need} on, or {gate} off.",
        )
        for gate, need in unmet
    ]


def _is_on(gate: str, row: gate_history.Row, chosen: dict[str, bool]) -> bool:
    """A gate's own value counts first, then AllAlpha's or AllBeta's, then its default."""
    of_stage = chosen.get({"alpha": "AllAlpha", "beta": "AllBeta"}.get(row.stage, ""))
    return chosen.get(gate, row.default if of_stage is None or row.locked else of_stage) is True


def _unknown(
    component: str, state: GateState, verdict: Callable[..., GateVerdict], version: versions.Version
) -> GateVerdict:
    """Let a gate pass that can't be judged, and say so where a name is probably wrong."""
    asked = gate_history.asked_patch(version)
    if component not in _KNOWN_WHOLE or asked is None:
        return verdict(True)
    message = (
        f"feature gate {state.gate} is not among those of {component} {asked}, the newest patch that is known here"
    )
    return verdict(True, message, f"Make sure that {component} {version} has it: with an unknown gate it won't start.")


def _unrecognized(component: str, state: GateState, verdict: Callable[..., GateVerdict]) -> GateVerdict:
    """Refuse a name that the kubelet doesn't have; of the other components' gates not all are known."""
    if component not in _KNOWN_WHOLE:
        return verdict(True)
    near = difflib.get_close_matches(state.gate, gate_history.gates_at(versions.kubernetes(state.line)), 1)
    fix = f"Did you mean {near[0]}?" if near else f"Remove {state.gate} from {component}'s feature gates."
    return verdict(False, f"{component} {state.line} has no feature gate {state.gate}{_fate(component, state)}", fix)


def off_by_default(gate: str, kubernetes_version: str | float) -> bool:
    """Tell whether a Kubernetes version has a gate and has it off."""
    state = gate_state(gate, kubernetes_version)
    return state.settable and state.default is False


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
    known = matrix.FEATURE_GATES.get(gate)
    if known and state.stage == "removed":
        return f"removed in {next(line for line, stage in known['stages'].items() if stage == 'removed')}"
    if known:
        return f"new in {next(iter(known['stages']))}"
    row = gate_history.gate_at(gate, versions.kubernetes(state.line))
    return f"removed in {row.since}" if row.stage == "removed" else f"new in {row.since}"


def _fate(component: str, state: GateState) -> str:
    """Say how the component ends; the panic was measured on kubelet.exe 1.37.2, the rest is read from the source."""
    if component == "kubelet" and versions.at_least(state.line, _STARTS_PANICKING):
        return f" and panics at start: unrecognized feature gate: {state.gate}"
    return f" and would not start: unrecognized feature gate: {state.gate}"


def _word(enabled: bool | None) -> str:
    return "true" if enabled else "false"
