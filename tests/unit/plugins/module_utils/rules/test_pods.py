# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import ManifestError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pods import (
    annotations,
    containers,
    effective_option,
    find_pod,
    is_hostprocess,
    objects,
)

POD = {
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "n", "annotations": {"a": "b"}},
    "spec": {
        "securityContext": {"windowsOptions": {"hostProcess": True, "runAsUserName": "of the pod"}},
        "containers": [{"name": "a"}, {"securityContext": {"windowsOptions": {"runAsUserName": "own"}}}],
        "initContainers": [{"name": "i"}],
        "ephemeralContainers": [{"name": "e"}],
    },
}


def test_lists_are_opened_and_empty_documents_left_out():
    inner = {"kind": "PodList", "items": [{"kind": "Pod"}]}
    assert list(objects([None, {"kind": "List", "items": [inner, {"kind": "Service"}]}, [{"kind": "Job"}]])) == [
        {"kind": "Pod"},
        {"kind": "Service"},
        {"kind": "Job"},
    ]


@pytest.mark.parametrize("document", ["text", 1, True])
def test_a_document_that_is_no_mapping_is_an_error(document):
    with pytest.raises(ManifestError, match="must be a mapping"):
        list(objects([document]))


def test_containers_come_in_the_api_servers_order_with_their_paths():
    assert [(each.path, each.name) for each in containers(find_pod(POD))] == [
        ("spec.initContainers[0]", "i"),
        ("spec.containers[0]", "a"),
        ("spec.containers[1]", "containers[1]"),
        ("spec.ephemeralContainers[0]", "e"),
    ]


def test_a_container_inherits_what_it_does_not_say():
    pod = find_pod(POD)
    names = [effective_option(pod, each, "runAsUserName") for each in containers(pod)]
    assert names == ["of the pod", "of the pod", "own", "of the pod"]


def test_false_of_a_container_is_something_said():
    spec = {
        "securityContext": {"windowsOptions": {"hostProcess": True}},
        "containers": [{"name": "a", "securityContext": {"windowsOptions": {"hostProcess": False}}}],
    }
    assert not is_hostprocess(find_pod({"kind": "Pod", "spec": spec}))


def test_a_templates_annotations_are_the_pods_and_not_the_workloads():
    workload = {
        "kind": "DaemonSet",
        "metadata": {"name": "d", "annotations": {"of": "workload"}},
        "spec": {"template": {"metadata": {"annotations": {"of": "pod"}}, "spec": {}}},
    }
    assert annotations(find_pod(workload)) == {"of": "pod"}
    assert annotations(find_pod(POD)) == {"a": "b"}
