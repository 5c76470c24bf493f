# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.modules.workload import refuse_what_the_api_would


def stateful_set(host_network: bool) -> dict:
    container = {"name": "agent", "image": "agent"}
    windows = {"windowsOptions": {"hostProcess": True}}
    spec = {"hostNetwork": host_network, "securityContext": windows, "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "agents", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": {"spec": spec}},
    }


@pytest.mark.parametrize("version", ["1.33", "1.34", None])
def test_a_stateful_set_is_refused_also_where_only_its_pods_would_be(version):
    with pytest.raises(ClusterError, match="hostNetwork must be true if pod contains any hostProcess containers"):
        refuse_what_the_api_would([stateful_set(False)], version)


@pytest.mark.parametrize("version", ["1.33", "1.34", None])
def test_a_correct_stateful_set_is_not_refused(version):
    refuse_what_the_api_would([stateful_set(True)], version)


def test_a_cluster_without_allow_privileged_refuses_in_the_api_servers_words():
    with pytest.raises(ClusterError, match="hostProcess containers are disallowed by cluster policy"):
        refuse_what_the_api_would([stateful_set(True)], None, allow_privileged=False)
