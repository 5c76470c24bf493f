# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Graceful node shutdown on Windows: the kubelet ends pods before Windows goes down.

It works behind the gate WindowsGracefulNodeShutdown: alpha in 1.32, on since 1.34 (facts 1.5), and only for a kubelet
that is a native service, since it answers the service manager's pre-shutdown notice.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_duration
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gates

GATE = "WindowsGracefulNodeShutdown"


def shutdown_fields(period: str, critical: str, version: str, feature_gates: Mapping) -> dict[str, str]:
    """Return the fields of KubeletConfiguration for the two periods; none where none is wanted.

    Raises:
        PlanError: this kubelet has no graceful shutdown on Windows, or would not start with these periods.
    """
    if not period and not critical:
        return {}
    _require_gate(version, feature_gates)
    whole = _seconds("kubelet_shutdown_grace_period", period)
    last = _seconds("kubelet_shutdown_grace_period_critical_pods", critical) if critical else 0.0
    if last > whole:
        raise PlanError(
            f"kubelet_shutdown_grace_period_critical_pods ({critical}) is part of kubelet_shutdown_grace_period"
            f" ({period}) and can't be longer. Give the latter the time of both."
        )
    return {"shutdownGracePeriod": period, "shutdownGracePeriodCriticalPods": critical or "0s"}


def _require_gate(version: str, feature_gates: Mapping) -> None:
    state = gates.gate_state(GATE, version)
    if not state.settable:
        raise PlanError(
            f"kubelet_shutdown_grace_period: kubelet {state.line} on Windows has no graceful node shutdown; 1.32 and"
            " 1.33 have it behind a gate, 1.34 and later as it is. Leave it empty, or use a newer version."
        )
    if not feature_gates.get(GATE, state.default):
        raise PlanError(
            f"kubelet_shutdown_grace_period does nothing in kubelet {state.line} while {GATE} is off."
            f" Turn it on: kubelet_feature_gates: {{{GATE}: true}}."
        )


def _seconds(variable: str, text: str) -> float:
    """Read a Go duration. The kubelet takes zero or at least a second."""
    seconds = kubelet_duration.seconds(text)
    if seconds is None or seconds < 0:
        raise PlanError(f"{variable} is {text!r}: write a duration as the kubelet reads it, such as 60s or 2m30s.")
    if 0 < seconds < 1:
        raise PlanError(f"{variable} is {text!r}: the kubelet does not start with less than a second.")
    return seconds
