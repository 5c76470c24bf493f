# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is decided for Windows itself from one probe."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.windows_plan import windows_plan


def test_missing_features_are_found_without_regard_to_case(bare):
    assert windows_plan(bare, ["containers"])["features"] == ["containers"]
    bare["features"]["Containers"] = "enabled"
    assert windows_plan(bare, ["containers"])["features"] == []


def test_server_2016_is_refused_with_the_reason(bare):
    bare["os"].update(build=14393, product_name="Windows Server 2016 Datacenter")
    with pytest.raises(NodeError, match=r"Windows Server 2016 .* 17763.*Nothing was changed"):
        windows_plan(bare, ["Containers"])


def test_a_pending_restart_is_carried_out_only_before_the_node_is_in_use(bare, prepared):
    bare["pending_reboot"]["pending"] = True
    bare["services"]["kubelet"] = None
    assert windows_plan(bare, [])["reboot"]
    bare["services"]["kubelet"] = {"state": "running"}
    assert not windows_plan(bare, [])["reboot"]


def test_a_drained_node_is_restarted_and_updated_as_one_without_a_kubelet_is(bare):
    bare["pending_reboot"]["pending"] = True
    bare["services"]["kubelet"] = {"state": "running"}
    plan = windows_plan(bare, [], update_categories=["*"], drained=True)
    assert (plan["reboot"], plan["updates"]) == (True, "install")


@pytest.mark.parametrize(
    ("kubelet", "drained"), [(None, False), ({"state": "stopped"}, False), ({"state": "running"}, True)]
)
def test_what_an_upgrade_is_due_for_is_listed_whether_or_not_the_node_is_in_use(bare, kubelet, drained):
    bare["services"]["kubelet"] = kubelet
    bare["features"]["Containers"] = "enabled"
    plan = windows_plan(bare, ["Containers", "Hyper-V"], drained=drained)
    assert (plan["features"], plan["in_use"]) == (["Hyper-V"], kubelet is not None and not drained)


@pytest.mark.parametrize(("containers", "in_use"), [("enabled", True), ("disabled", False), ("absent", False)])
def test_a_node_that_can_run_no_pod_is_not_in_use(bare, containers, in_use):
    bare["services"]["kubelet"] = {"state": "running"}
    bare["features"]["Containers"] = containers
    assert windows_plan(bare, ["Containers"])["in_use"] is in_use
    bare["features"] = {}
    assert windows_plan(bare, ["Containers"])["in_use"], "it was not looked at"


@pytest.mark.parametrize(
    ("categories", "kubelet", "wanted"),
    [([], None, "none"), (["*"], None, "install"), (["*"], {"state": "stopped"}, "search")],
)
def test_updates_are_installed_only_where_nothing_runs(bare, categories, kubelet, wanted):
    bare["services"]["kubelet"] = kubelet
    assert windows_plan(bare, [], update_categories=categories)["updates"] == wanted
