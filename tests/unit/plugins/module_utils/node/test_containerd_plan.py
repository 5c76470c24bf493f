# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the containerd role decides from one probe: what it does, and what it refuses to do."""

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_plan import (
    containerd_files,
    containerd_unpacked,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError

DIRECTORY = "C:\\Program Files\\containerd"
SHIM = "containerd-shim-runhcs-v1.exe"
RELEASE = hashlib.sha256(b"release").hexdigest()
OTHER = hashlib.sha256(b"something else").hexdigest()
OWN_SHIM = {"hcsshim_version": "v0.14.1", "hcsshim_sha256": OTHER}


def bin_of(version: str) -> str:
    return f"{DIRECTORY}\\{version}\\bin"


def test_a_bare_node_gets_containerd_and_stops_nothing(bare, containerd_plan):
    found = containerd_plan(bare)
    assert (found["install"], found["running"], found["stop"], found["service_differs"]) == (True, False, [], True)
    assert (found["path_add"], found["path_remove"]) == ([bin_of("2.2.9")], [])


def test_a_prepared_node_needs_nothing_but_its_settings(prepared, containerd_plan):
    found = containerd_plan(prepared, sha256="")
    assert not any(found[what] for what in ("install", "stop", "service_differs", "path_add", "path_remove"))
    assert found["changes"], "config.toml is still missing"


def test_a_plan_knows_when_a_run_would_change_nothing(prepared, containerd_plan):
    text = f"version = 3\n[plugins.'io.containerd.internal.v1.opt']\npath = '{DIRECTORY}\\2.2.9'\n"
    prepared["containerd"]["config"] = {"exists": True, "content": text, "sha256": None}
    assert not containerd_plan(prepared)["changes"]
    assert containerd_plan(prepared, version="2.3.7")["changes"]
    assert containerd_plan(prepared, settings={"root": "D:\\root"})["changes"]
    assert containerd_plan(prepared, registry_mirrors={"_default": {"server": "https://a.example.com"}})["changes"]


@pytest.mark.parametrize("version", ["2.3.7", "2.1.9"])
def test_another_version_is_unpacked_beside_the_running_one(prepared, containerd_plan, version):
    prepared["containerd"]["shim_processes"] = [{"pid": 4711, "path": f"{bin_of('2.2.9')}\\{SHIM}"}]
    found = containerd_plan(prepared, version=version)
    assert found["install"]
    assert found["folder"] == f"{DIRECTORY}\\{version}"
    assert found["service"]["path"].startswith(f'"{bin_of(version)}\\containerd.exe" ')
    assert (found["path_add"], found["path_remove"]) == ([bin_of(version)], [bin_of("2.2.9")])
    assert found["before"]["version"] == "v2.2.9"
    assert bin_of("2.2.9") in found["before"]["command_line"]


def test_a_version_that_is_still_there_is_taken_back_without_a_download(prepared, containerd_plan):
    prepared["files"] = {f"{bin_of('2.1.9')}\\{name}": {"exists": True} for name in ("containerd.exe", SHIM)}
    found = containerd_plan(prepared, version="2.1.9", sha256="")
    assert (found["install"], found["service_differs"]) == (False, True)


@pytest.mark.parametrize(
    "old", [f"{DIRECTORY}\\containerd.exe", f"{DIRECTORY}\\bin\\containerd.exe", "D:\\x\\containerd.exe"]
)
def test_an_installation_elsewhere_is_left_there_and_off_the_path(prepared, containerd_plan, old):
    folder = old.rpartition("\\")[0]
    prepared["containerd"]["path"] = old
    prepared["containerd"]["shim"]["path"] = f"{folder}\\{SHIM}"
    prepared["path_environment"] = ["C:\\Windows", f"{folder}\\"]
    found = containerd_plan(prepared)
    assert found["install"]
    assert (found["path_add"], found["path_remove"]) == ([bin_of("2.2.9")], [f"{folder}\\"])


def test_nothing_else_of_the_folder_leaves_the_path(prepared, containerd_plan):
    prepared["path_environment"] += [f"{DIRECTORY}\\cni\\bin", f"{DIRECTORY}\\2.1.9\\BIN\\", "C:\\Other\\2.1.9\\bin"]
    assert containerd_plan(prepared)["path_remove"] == [f"{DIRECTORY}\\2.1.9\\BIN\\"]
    assert containerd_plan(prepared, add_to_path=False)["path_remove"] == []


def test_the_kubelet_is_stopped_first_where_it_does_not_depend_on_containerd(prepared, containerd_plan):
    assert containerd_plan(prepared, version="2.3.7")["stop"] == []
    prepared["services"]["kubelet"]["dependencies"] = []
    assert containerd_plan(prepared, version="2.3.7")["stop"] == ["kubelet"]


def test_an_archive_left_in_the_folder_means_that_it_is_unpacked_again(bare, containerd_plan):
    names = [f"{bin_of('2.2.9')}\\{name}" for name in ("containerd.exe", SHIM)]
    bare["files"] = {name: {"exists": True} for name in names}
    assert not containerd_plan(bare)["install"]
    bare["files"][containerd_plan(bare)["archive"].upper()] = {"exists": True}
    assert containerd_plan(bare)["install"]


def test_a_missing_shim_means_that_it_is_unpacked_again(bare, containerd_plan):
    bare["files"] = {f"{bin_of('2.2.9')}\\containerd.exe": {"exists": True}}
    assert containerd_plan(bare)["install"]


def test_a_damaged_version_that_runs_is_not_unpacked_over(prepared, containerd_plan):
    prepared["services"]["containerd"]["process_id"] = 812
    prepared["containerd"]["shim_processes"] = [{"pid": 4711, "path": f"{bin_of('2.2.9')}\\{SHIM}"}]
    prepared["files"][containerd_plan(prepared)["archive"]] = {"exists": True}
    with pytest.raises(NodeError, match=r"812.*4711.*[Dd]rain"):
        containerd_plan(prepared)
    assert containerd_plan(prepared, version="2.3.7")["install"]


def test_a_program_with_another_hash_is_not_the_wanted_one(prepared, containerd_plan):
    program = f"{bin_of('2.2.9')}\\containerd.exe"
    prepared["files"] = {program: {"exists": True, "sha256": OTHER}}
    assert not containerd_plan(prepared, program_sha256={"containerd.exe": OTHER.upper()})["install"]
    assert containerd_plan(prepared, program_sha256={"containerd.exe": RELEASE})["install"]


@pytest.mark.parametrize("sha256", ["", "abc", "g" * 64])
def test_nothing_is_downloaded_without_a_checksum(bare, sha256, containerd_plan):
    with pytest.raises(NodeError, match="containerd_sha256"):
        containerd_plan(bare, sha256=sha256)
    with pytest.raises(NodeError, match="containerd_hcsshim_sha256"):
        containerd_plan(bare, hcsshim_version="0.14.1", hcsshim_sha256=sha256)


def test_a_file_that_the_new_containerd_would_misread_is_refused_before_anything_stops(prepared, containerd_plan):
    prepared["containerd"]["config"] = {"exists": True, "content": "version = 4\n", "sha256": None}
    with pytest.raises(NodeError, match="can't read"):
        containerd_plan(prepared)


# A shim of one's own.


def test_a_shim_of_ones_own_has_its_folder_and_comes_first(prepared, containerd_plan):
    found = containerd_plan(prepared, **OWN_SHIM)
    assert (found["install"], found["install_hcsshim"]) == (False, True)
    assert found["hcsshim"] == f"{DIRECTORY}\\hcsshim-0.14.1\\bin\\{SHIM}"
    assert found["opt_path"] == f"{DIRECTORY}\\hcsshim-0.14.1"
    prepared["files"] = {found["hcsshim"]: {"exists": True, "sha256": OTHER}}
    assert not containerd_plan(prepared, **OWN_SHIM)["install_hcsshim"]


def test_without_one_the_shim_of_the_release_comes_first(prepared, containerd_plan):
    assert containerd_plan(prepared)["opt_path"] == f"{DIRECTORY}\\2.2.9"


def test_a_shim_of_another_release_is_refused_or_warned_of(bare, containerd_plan):
    other = {**OWN_SHIM, "hcsshim_version": "v0.13.0"}
    with pytest.raises(NodeError, match=r"2\.2\.9 was released with hcsshim v0\.14\.1.*containerd_hcsshim_mismatch"):
        containerd_plan(bare, **other)
    (warning,) = containerd_plan(bare, **other, hcsshim_mismatch="warn")["warnings"]
    assert "0.13.0" in warning


def test_a_shim_without_job_containers_is_refused_whatever_is_asked(bare, containerd_plan):
    with pytest.raises(NodeError, match="has no job containers"):
        containerd_plan(bare, **{**OWN_SHIM, "hcsshim_version": "0.8.25"}, hcsshim_mismatch="warn")


def test_a_shim_with_job_containers_is_what_containerd_1_5_needs(bare, containerd_plan):
    assert containerd_plan(bare, version="1.5.18", **{**OWN_SHIM, "hcsshim_version": "0.9.12"})["warnings"] == []


def test_containerd_1_5_without_one_is_refused_or_warned_of(bare, containerd_plan):
    with pytest.raises(NodeError, match=r"hcsshim v0\.8\.25.*containerd_hcsshim_version.*Nothing was changed"):
        containerd_plan(bare, version="1.5.18")
    (warning,) = containerd_plan(bare, version="1.5.18", hcsshim_mismatch="warn")["warnings"]
    assert "without HostProcess containers" in warning


@pytest.mark.parametrize("shim", [{}, {**OWN_SHIM, "hcsshim_version": "0.9.12"}])
def test_the_first_patches_of_1_5_are_refused_whatever_is_asked(bare, containerd_plan, shim):
    with pytest.raises(NodeError, match=r"1\.5\.3 has no HostProcess containers\. Use 1\.5\.4 or later"):
        containerd_plan(bare, version="1.5.3", **shim, hcsshim_mismatch="warn")


# After unpacking.


@pytest.fixture
def unpacked(bare, containerd_plan):
    """The probe of a version's folder, and the plan that it is judged by."""
    plan = containerd_plan(bare, program_sha256={"containerd.exe": OTHER})
    bare["files"] = {path: {"exists": True, "sha256": OTHER} for path in plan["programs"]}
    bare["files"][plan["archive"]] = {"exists": True, "sha256": RELEASE}
    bare["containerd"].update(exists=True, version="2.2.9", path=f"{bin_of('2.2.9')}\\containerd.exe")
    bare["errors"] = []
    return bare, plan


def test_what_was_unpacked_as_wanted_is_taken(unpacked):
    node, plan = unpacked
    assert containerd_unpacked(node, plan, RELEASE) is True


def test_another_archive_program_or_version_is_refused(unpacked):
    node, plan = unpacked
    for path in (plan["archive"], f"{bin_of('2.2.9')}\\containerd.exe"):
        kept = node["files"][path]["sha256"]
        node["files"][path]["sha256"] = hashlib.sha256(b"wrong").hexdigest()
        with pytest.raises(NodeError, match="Nothing was stopped"):
            containerd_unpacked(node, plan, RELEASE)
        node["files"][path]["sha256"] = kept
    node["containerd"]["version"] = "2.2.8"
    with pytest.raises(NodeError, match=r"calls itself 2\.2\.8"):
        containerd_unpacked(node, plan, RELEASE)


def test_a_release_without_a_shim_is_refused(unpacked):
    node, plan = unpacked
    del node["files"][f"{bin_of('2.2.9')}\\{SHIM}"]
    with pytest.raises(NodeError, match=f"no .*{SHIM}"):
        containerd_unpacked(node, plan, RELEASE)


def test_a_program_that_does_not_start_is_refused_with_windows_reason(unpacked):
    node, plan = unpacked
    node["containerd"]["version"] = None
    node["errors"] = [{"what": f"{node['containerd']['path']} --version", "win32_error": 193, "message": "not valid"}]
    with pytest.raises(NodeError, match=r"does not start \(not valid\)"):
        containerd_unpacked(node, plan, RELEASE)


def test_the_probe_is_asked_for_every_file_that_the_plan_goes_by(bare, containerd_plan):
    given = {"program_sha256": {"ctr.exe": OTHER}, "hcsshim_version": "0.14.1"}
    mirrors = {"registry_mirrors": {"_default": {"server": "https://a.example.com"}}}
    asked = set(containerd_files("2.2.9", DIRECTORY, **given, **mirrors))
    plan = containerd_plan(bare, **given, **mirrors, hcsshim_sha256=OTHER)
    assert {plan["archive"], *plan["programs"]} <= asked
    assert f"{DIRECTORY}\\certs.d\\_default\\hosts.toml" in asked
