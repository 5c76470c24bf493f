# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The firewall rule of the kubelet."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.firewall_plan import KUBELET_RULE, kubelet_rule

RULE = f"v2.30|Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=10250|Name={KUBELET_RULE}|Desc=a=b|"


@pytest.mark.parametrize(
    ("rules", "differs"),
    [
        ([], True),
        ([RULE], False),
        ([RULE.replace("v2.30", "v2.10").replace("TRUE", "True")], False),
        ([RULE.replace("Allow", "Block")], True),
        ([RULE.replace("TRUE", "FALSE")], True),
        ([RULE.replace("=In", "=Out")], True),
        ([RULE.replace("=6", "=17")], True),
        ([RULE.replace("10250", "10255")], True),
        ([RULE, RULE.replace("Allow", "Block")], True),
    ],
)
def test_a_rule_has_to_let_the_port_in(rules, differs):
    assert kubelet_rule({"firewall_rules": {KUBELET_RULE: rules}})["differs"] is differs


def test_the_port_is_the_kubelets_own():
    assert kubelet_rule({"firewall_rules": {KUBELET_RULE: [RULE]}}, 10251) == {
        "name": KUBELET_RULE,
        "port": 10251,
        "differs": True,
    }
    with pytest.raises(NodeError, match="1 to 65535"):
        kubelet_rule({}, 70000)
