# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.windows_nodes import (
    address_of,
    describe_node,
    groups_of,
)

NODE = {
    "metadata": {"name": "win1", "labels": {"kubernetes.io/os": "windows", "pool": "edge"}},
    "spec": {"taints": [{"key": "os", "value": "windows", "effect": "NoSchedule"}]},
    "status": {
        "nodeInfo": {
            "kernelVersion": "10.0.20348.2227",
            "osImage": "Windows Server 2022 Datacenter",
            "kubeletVersion": "v1.36.3",
            "containerRuntimeVersion": "containerd://2.2.9",
        },
        "addresses": [{"type": "Hostname", "address": "WIN1"}, {"type": "InternalIP", "address": "192.0.2.7"}],
        "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
    },
}
BARE = {"metadata": {"name": "win2", "labels": {"node.kubernetes.io/windows-build": "10.0.26100"}}}


def test_a_node_is_described_by_what_its_kubelet_reports():
    node = describe_node(NODE)
    assert (node["build"], node["revision"], node["runtime"], node["runtime_version"], node["kubelet_version"]) == (
        20348,
        2227,
        "containerd",
        "2.2.9",
        "1.36.3",
    )
    assert node["ready"]
    assert node["schedulable"]


def test_a_node_is_grouped_by_readiness_build_and_runtime_version():
    assert groups_of(describe_node(NODE)) == ["windows_ready", "windows_build_20348", "windows_containerd_2.2.9"]


def test_a_node_that_never_reported_is_not_ready_and_keeps_its_label_s_build():
    node = describe_node(BARE)
    assert groups_of(node) == ["windows_not_ready", "windows_build_26100"]
    assert node["runtime_version"] is None


def test_the_address_is_the_first_of_the_preferred_types():
    node = describe_node(NODE)
    assert address_of(node, ["ExternalIP", "InternalIP", "Hostname"]) == "192.0.2.7"
    assert address_of(node, ["Hostname", "InternalIP"]) == "WIN1"
    assert address_of(describe_node(BARE), ["InternalIP"]) == "win2"
