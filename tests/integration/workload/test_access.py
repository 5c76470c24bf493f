# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps the modules from a cluster, each said in plain words."""

from __future__ import annotations

import venv

import pytest
from kubernetes import client

pytestmark = pytest.mark.controlplane

INFO = "kubewin.hostprocess.workload_info"
WORKLOAD = "kubewin.hostprocess.workload"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kubeconfig": "/nowhere/kubeconfig"}, ["The kubeconfig file /nowhere/kubeconfig does not exist"]),
        ({"context": "nowhere"}, ["nowhere", "kubeconfig"]),
        (
            {"impersonate_user": "bob"},
            ['user "bob" may not list pods at the cluster scope', 'the verb "list" on "pods"'],
        ),
        (
            {"host": "https://127.0.0.1:1", "api_key": "none", "kubeconfig": {}},
            ["https://127.0.0.1:1", "can't be reached", "Connection refused"],
        ),
    ],
)
def test_what_keeps_us_from_the_cluster_is_said(call, options, said):
    (result,) = call({INFO: options})
    assert result["failed"]
    for part in said:
        assert part in result["msg"]
    assert "Traceback" not in result["msg"]


def test_a_token_that_is_not_accepted_is_said(call, cluster):
    (result,) = call({INFO: {"host": cluster.api_url, "api_key": "stale", "validate_certs": False, "kubeconfig": {}}})
    assert "does not accept the credentials (401 Unauthorized)" in result["msg"]


def test_a_certificate_of_an_unknown_authority_is_said(call, cluster):
    (result,) = call({INFO: {"host": cluster.api_url, "api_key": "any", "kubeconfig": {}}})
    assert "certificate verify failed" in result["msg"].lower()


@pytest.mark.parametrize(
    ("verbs", "missing"),
    [
        ([], "get"),
        (["get"], "patch"),
    ],
)
def test_the_one_verb_that_rbac_withholds_is_named(call, api, namespace, verbs, missing):
    rbac = client.RbacAuthorizationV1Api(api)
    rbac.create_namespaced_role(
        namespace,
        {
            "metadata": {"name": "some"},
            "rules": [{"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": verbs or ["watch"]}],
        },
    )
    rbac.create_namespaced_role_binding(
        namespace,
        {
            "metadata": {"name": "some"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "some"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}],
        },
    )
    task = {"name": "agent", "namespace": namespace, "image": "registry.example/agent:1", "impersonate_user": "alice"}
    (result,) = call({WORKLOAD: task})
    assert f'user "alice" may not {missing} daemonsets.apps in namespace "{namespace}"' in result["msg"]


def test_a_missing_python_library_is_named(play, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    (result,) = play({INFO: {}}, arguments=("-e", f"ansible_python_interpreter={tmp_path}/bare/bin/python"))
    assert result["failed"]
    assert "Failed to import the required Python library (kubernetes)" in result["msg"]
