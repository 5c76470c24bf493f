# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the containerd role decides from one probe: what it does, and what it refuses to do."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError

DIRECTORY = "C:\\Program Files\\containerd"


def test_a_bare_node_gets_containerd_and_stops_nothing(bare, containerd_plan):
    found = containerd_plan(bare)
    assert (found["install"], found["stop"], found["service_differs"], found["add_to_path"]) == (True, [], True, True)


def test_a_prepared_node_needs_nothing_of_containerd(prepared, containerd_plan):
    found = containerd_plan(prepared, sha256="")
    assert not any(found[what] for what in ("install", "stop", "service_differs", "add_to_path"))


def test_a_version_change_stops_the_kubelet_before_containerd(prepared, containerd_plan):
    assert containerd_plan(prepared, version="2.3.7")["stop"] == ["kubelet", "containerd"]


def test_an_archive_left_in_the_staging_folder_means_that_the_installation_is_done_again(prepared, containerd_plan):
    archive = containerd_plan(prepared)["archive"]
    prepared["files"][archive.upper()] = {"exists": True}
    assert containerd_plan(prepared)["install"]


def test_a_program_elsewhere_is_not_taken_for_ours(prepared, containerd_plan):
    prepared["containerd"]["path"] = "D:\\old\\containerd.exe"
    assert containerd_plan(prepared)["install"]


@pytest.mark.parametrize("sha256", ["", "abc", "g" * 64])
def test_nothing_is_downloaded_without_a_checksum(bare, sha256, containerd_plan):
    with pytest.raises(NodeError, match="containerd_sha256"):
        containerd_plan(bare, sha256=sha256)


def test_running_shims_stop_a_version_change_before_it_begins(prepared, containerd_plan):
    prepared["containerd"]["shim_processes"] = [{"pid": 4711, "path": f"{DIRECTORY}\\containerd-shim-runhcs-v1.exe"}]
    with pytest.raises(NodeError, match=r"4711.*[Dd]rain"):
        containerd_plan(prepared, version="2.3.7")
    assert not containerd_plan(prepared)["install"]


def test_a_file_that_the_new_containerd_would_misread_is_refused_before_anything_stops(prepared, containerd_plan):
    prepared["containerd"]["config"] = {"exists": True, "content": "version = 4\n", "sha256": None}
    with pytest.raises(NodeError, match="can't read"):
        containerd_plan(prepared)
