# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A manifest alone against a node's job objects: which pods are its own, and what it can't say."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.compare import compare
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.errors import DefinitionError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.model import Owner, parse_actual
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.node import parse_node
from ansible_collections.kubewin.hostprocess.plugins.module_utils.job.templates import declare, parse_templates

VERSIONS = {"Pod": "v1", "ReplicationController": "v1", "Job": "batch/v1", "CronJob": "batch/v1"}


def manifest(kind="DaemonSet", name="agent", namespace="logging", containers=None, **metadata) -> dict:
    """A workload with one HostProcess container `agent`: 500m is a rate of 1250 on 4 processors (facts 4.3)."""
    limits = {"cpu": "500m", "memory": "200Mi"}
    spec = {
        "securityContext": {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}},
        "containers": containers or [{"name": "agent", "resources": {"limits": limits}}],
    }
    body = {"spec": spec}
    if kind == "CronJob":
        body = {"spec": {"jobTemplate": {"spec": {"template": body}}}}
    elif kind != "Pod":
        body = {"spec": {"template": body}}
    about = {"name": name, "namespace": namespace, **metadata}
    return {
        "apiVersion": VERSIONS.get(kind, "apps/v1"),
        "kind": kind,
        "metadata": {key: value for key, value in about.items() if value is not None},
        **body,
    }


@pytest.fixture
def check(shapes):
    """Return a function that compares manifests with jobs; without arguments one healthy DaemonSet."""

    def run(*definitions, jobs=None, **actual):
        result = shapes.actual(*([shapes.job()] if jobs is None else jobs), **actual)
        node = parse_node("win1", shapes.node)
        templates = parse_templates(definitions or [manifest()])
        declared, compared, unseen = declare(templates, parse_actual(result), node)
        return compare(declared, compared, node, unseen)

    return run


def codes(comparison) -> list[str]:
    return [finding.code for finding in comparison.findings]


@pytest.mark.parametrize(
    ("kind", "name", "pod", "made"),
    [
        ("Pod", "agent", "agent", True),
        ("Pod", "agent", "agent-x7k2p", False),
        ("DaemonSet", "agent", "agent-x7k2p", True),
        ("DaemonSet", "agent", "agent-x7k2", False),
        ("DaemonSet", "agent", "agent-aeiou", False),  # no vowels in what the API server adds
        ("DaemonSet", "agent", "agent-blue-x7k2p", False),
        ("DaemonSet", "age.t", "agent-x7k2p", False),
        ("ReplicaSet", "agent", "agent-x7k2p", True),
        ("ReplicationController", "agent", "agent-x7k2p", True),
        ("Deployment", "agent", "agent-7d9c5b8f4-x7k2p", True),
        ("Deployment", "agent", "agent-x7k2p", False),
        ("StatefulSet", "agent", "agent-0", True),
        ("StatefulSet", "agent", "agent-x7k2p", False),
        ("Job", "agent", "agent-x7k2p", True),
        ("Job", "agent", "agent-3-x7k2p", True),
        ("CronJob", "agent", "agent-29391840-x7k2p", True),
        ("CronJob", "agent", "agent-x7k2p", False),
        ("DaemonSet", "a" * 60, "a" * 58 + "x7k2p", True),
        ("Deployment", "a" * 50, "a" * 50 + "-7d9c5b8" + "x7k2p", True),
        ("DaemonSet", "agent", "agent-" + "blue-" * 10 + "b-x7k2p", False),
        ("DaemonSet", "b" * 60, "a" * 58 + "x7k2p", False),
    ],
)
def test_a_pod_is_known_by_what_its_controller_puts_behind_its_own_name(kind, name, pod, made):
    [template] = parse_templates([manifest(kind, name)])
    assert template.made(Owner("logging", pod, "agent")) is made


@pytest.mark.parametrize(
    ("kind", "pod", "made"),
    [
        ("Pod", "agent-x7k2p", True),
        ("Pod", "agent-", False),
        ("Job", "agent-x7k2p-zzzzz", True),
        ("Job", "agent-x7k2p", False),
    ],
)
def test_a_generated_name_is_known_by_its_beginning(kind, pod, made):
    [template] = parse_templates([manifest(kind, None, generateName="agent-")])
    assert template.made(Owner("logging", pod, "agent")) is made


@pytest.mark.parametrize(("namespace", "made"), [("logging", True), ("other", False), (None, True)])
def test_a_namespace_counts_where_the_manifest_names_one(namespace, made):
    [template] = parse_templates([manifest(namespace=namespace)])
    assert template.made(Owner("logging", "agent-x7k2p", "agent")) is made


def test_a_job_as_the_template_declares_is_no_finding(check):
    comparison = check()
    assert codes(comparison) == []
    [row] = comparison.rows
    assert (row["pod"], row["verdict"], row["cpu"]["expected_rate"]) == ("agent-x7k2p", "ok", 1250)


def test_another_limit_than_the_templates_is_one_finding(check):
    other = manifest(containers=[{"name": "agent", "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}])
    assert codes(check(other)) == ["HPJ002"]


def test_another_user_than_the_templates_is_one_finding(check):
    own = {"windowsOptions": {"runAsUserName": "NT AUTHORITY\\Network service"}}
    limits = {"limits": {"cpu": "500m", "memory": "200Mi"}}
    other = manifest(containers=[{"name": "agent", "resources": limits, "securityContext": own}])
    assert codes(check(other)) == ["HPJ007"]


def test_containers_of_other_workloads_are_left_out_with_their_folders(check, shapes):
    other = shapes.job(7, pod={"namespace": "x", "name": "other"}, container_name="c", kill_on_close=False)
    folders = {"rootfs_folders": [f"C:\\hpc\\{shapes.container_id(number)}" for number in (1, 7)]}
    comparison = check(jobs=[shapes.job(), other], leftovers=folders)
    assert codes(comparison) == []
    assert [row["pod"] for row in comparison.rows] == ["agent-x7k2p"]


def test_a_leaked_job_is_the_nodes_and_is_reported(check, shapes):
    leaked = shapes.job(99, pod=None, container_name=None, found_by=["object_directory"])
    assert codes(check(jobs=[shapes.job(), leaked])) == ["HPJ010"]


def test_two_live_generations_of_one_container_are_one_finding(check, shapes):
    assert codes(check(jobs=[shapes.job(1), shapes.job(2)])) == ["HPJ011"]


def test_two_pods_of_one_template_are_two_rows(check, shapes):
    second = shapes.job(2, pod={"namespace": "logging", "name": "agent-zzzzz"})
    assert len(check(jobs=[shapes.job(), second]).rows) == 2


def test_a_container_without_a_job_here_is_said_and_not_called_a_fault(check):
    comparison = check(manifest(), manifest("DaemonSet", "elsewhere"))
    assert codes(comparison) == ["HPJ029"]
    assert comparison.findings[0].evidence["containers"] == ["DaemonSet logging/elsewhere, container agent"]


def test_a_finished_init_container_needs_no_job(check):
    workload = manifest()
    workload["spec"]["template"]["spec"]["initContainers"] = [{"name": "setup"}]
    assert codes(check(workload)) == []


def test_a_job_that_is_just_being_started_is_no_finding(check, shapes):
    comparison = check(jobs=[shapes.job(processes=[], state="created")])
    assert (codes(comparison), comparison.rows) == ([], [])


def test_objects_that_make_no_hostprocess_containers_are_refused():
    ordinary = manifest()
    ordinary["spec"]["template"]["spec"]["securityContext"] = {}
    with pytest.raises(DefinitionError, match="no HostProcess container"):
        parse_templates([ordinary, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}])


def test_wmi_does_not_know_pods_so_a_manifest_is_refused(check):
    with pytest.raises(DefinitionError, match="source=win32"):
        check(source="cim")
