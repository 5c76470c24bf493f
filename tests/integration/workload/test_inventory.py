# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import yaml
from integration.workload.simulated_node import SimulatedNode

pytestmark = pytest.mark.controlplane


@pytest.fixture
def inventory(cluster, tmp_path):
    """What ansible-inventory makes of the plugin's configuration."""

    def read(**options) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "cluster.windows_nodes.yml"
        base = {"plugin": "kubewin.hostprocess.windows_nodes", "kubeconfig": str(cluster.kubeconfig)}
        path.write_text(yaml.safe_dump({**base, **options}))
        # A configuration that can't be read is an error here, not a warning.
        environment = {**os.environ, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"}
        command = [Path(sys.executable).parent / "ansible-inventory", "-i", path, "--list"]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return read


def plain(listed: str) -> dict:
    """An inventory's text values come marked as untrusted; the mark is not what is tested."""
    return json.loads(listed, object_hook=lambda value: value.get("__ansible_unsafe", value))


def test_windows_nodes_are_hosts_in_groups_by_build_readiness_and_runtime(inventory, api, core_api):
    name, silent = f"win-{uuid.uuid4().hex[:6]}", f"silent-{uuid.uuid4().hex[:6]}"
    labels = {"kubernetes.io/os": "windows", "node.kubernetes.io/windows-build": "10.0.26100", "zone": "a"}
    core_api.create_node({"metadata": {"name": silent, "labels": labels}})
    linux = f"linux-{uuid.uuid4().hex[:6]}"
    core_api.create_node({"metadata": {"name": linux, "labels": {"kubernetes.io/os": "linux"}}})
    try:
        with SimulatedNode(api, name):
            finished = inventory(
                compose={"ansible_connection": "'psrp'"},
                keyed_groups=[{"key": "kubernetes_node.labels.zone | default('none')", "prefix": "zone"}],
            )
    finally:
        for node in (silent, linux):
            core_api.delete_node(node)
    assert finished.returncode == 0, finished.stderr
    listed = plain(finished.stdout)
    variables = listed["_meta"]["hostvars"]
    assert {name, silent} <= variables.keys()
    assert linux not in variables
    assert variables[name]["ansible_host"] == "192.0.2.7"
    assert variables[name]["ansible_connection"] == "psrp"
    assert variables[name]["kubernetes_node"]["build"] == 20348
    assert variables[silent]["ansible_host"] == silent
    for group, host in {
        "windows": name,
        "windows_ready": name,
        "windows_build_20348": name,
        "windows_containerd_2_2_9": name,
        "windows_not_ready": silent,
        "windows_build_26100": silent,
        "zone_a": silent,
        "zone_none": name,
    }.items():
        assert host in listed[group]["hosts"]


def test_a_cluster_that_can_t_be_reached_is_said(inventory):
    finished = inventory(kubeconfig="/nowhere/kubeconfig")
    assert finished.returncode != 0
    assert "The kubeconfig file /nowhere/kubeconfig does not exist" in " ".join(finished.stderr.split())


def test_a_time_for_requests_that_is_none_is_said(inventory):
    finished = inventory(request_timeout=0)
    assert finished.returncode != 0
    assert "request_timeout is 0: give at least 1 second." in " ".join(finished.stderr.split())


def test_a_cached_inventory_needs_no_cluster(inventory, api, cluster, tmp_path):
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    name = f"win-{uuid.uuid4().hex[:6]}"
    with SimulatedNode(api, name):
        first = plain(inventory(**cache).stdout)
    again = plain(inventory(**cache).stdout)
    assert name in first["_meta"]["hostvars"]
    assert again == first
