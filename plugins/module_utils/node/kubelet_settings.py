# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fields of KubeletConfiguration that a role's variables come to.

* ``wanted_fields(wishes) -> dict``           the base, what follows from other variables, the user's own
* ``registered_taints(wishes) -> list``       as KubeletConfiguration and kubeadm have them
"""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_config
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import PlanError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_shutdown import shutdown_fields
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.kubelet_wishes import KubeletWishes
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.merging import overlay, plain
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import gates

_TAINT = re.compile(r"(?P<key>[^=:]+)(=(?P<value>[^=:]*))?:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)")


def wanted_fields(wishes: KubeletWishes) -> dict:
    """Return the fields to merge into the file; null removes one.

    Raises:
        PlanError: a taint or a grace period can't be what it says.
    """
    fields = overlay(plain(wishes.base_configuration or {}, "kubelet_base_configuration"), _computed(wishes))
    return overlay(fields, plain(wishes.configuration or {}, "kubelet_configuration"), keep_null=True)


def registered_taints(wishes: KubeletWishes) -> list[dict[str, str]]:
    """Return the taints that the node registers itself with."""
    return [_taint(taint) for taint in wishes.taints]


def _computed(wishes: KubeletWishes) -> dict:
    """Return the fields that follow from the role's other variables."""
    fields: dict[str, Any] = {"authentication": {"x509": {"clientCAFile": wishes.certificate_authority_path}}}
    if kubelet_config.endpoint_is_a_field(wishes.release):
        fields["containerRuntimeEndpoint"] = wishes.runtime_endpoint
    if gates.off_by_default(gates.HOSTPROCESS_GATE, wishes.release):
        fields["featureGates"] = {gates.HOSTPROCESS_GATE: True}  # 1.22
    if taints := registered_taints(wishes):
        fields["registerWithTaints"] = taints
    return fields | shutdown_fields(
        wishes.shutdown_grace_period,
        wishes.shutdown_grace_period_critical_pods,
        wishes.release,
        wishes.feature_gates or {},
    )


def _taint(text: str) -> dict[str, str]:
    """Read a taint as kubectl writes it: ``os=Windows:NoSchedule``."""
    parts = _TAINT.fullmatch(text)
    if parts is None:
        raise PlanError(
            f"kubelet_taints: {text!r} is not a taint. Write key=value:Effect, such as os=Windows:NoSchedule."
        )
    return {key: value for key, value in parts.groupdict().items() if value}
