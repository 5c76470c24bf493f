# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter violations and the test hostprocess."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.kubewin.hostprocess.plugins.filter.violations import FilterModule
from ansible_collections.kubewin.hostprocess.plugins.test.hostprocess import TestModule as JinjaTests

violations = FilterModule().filters()["violations"]
hostprocess = JinjaTests().tests()["hostprocess"]
POD = {
    "kind": "Pod",
    "spec": {"containers": [{"name": "a", "securityContext": {"windowsOptions": {"hostProcess": True}}}]},
}
NETWORK = "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers"


def test_violations_are_the_api_servers_lines():
    assert violations(POD) == violations({"kind": "List", "items": [POD]}) == [NETWORK]
    assert violations([POD, POD], "1.36") == [NETWORK, NETWORK]


def test_violations_depend_on_the_api_server():
    assert "not allowed" in violations(POD, kubernetes_version="1.22")[0]
    assert len(violations(POD, allow_privileged=False)) == 2


@pytest.mark.parametrize(("definition", "version"), [(POD, "1.20"), ("text", "1.36")])
def test_violations_of_nonsense_fail_the_task(definition, version):
    with pytest.raises(AnsibleFilterError, match=r"kubewin\.hostprocess\.violations"):
        violations(definition, version)


def test_a_pod_is_hostprocess_if_a_container_is():
    assert hostprocess(POD)
    assert not hostprocess({"kind": "Pod", "spec": {"containers": [{"name": "a"}]}})
    assert not hostprocess({"kind": "Service"})


def test_something_else_than_an_object_fails_the_task():
    with pytest.raises(AnsibleFilterError, match="tests a Kubernetes object"):
        hostprocess("pod")
