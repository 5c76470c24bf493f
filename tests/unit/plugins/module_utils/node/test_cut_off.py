# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A configuration that was cut off when it was first written heals; somebody's damaged one is never thrown away."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import containerd_config, kubelet_config
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.cut_off import is_cut_off
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError

DEFAULTS = Path(__file__).resolve().parents[5] / "roles" / "kubelet" / "defaults" / "main.yml"
BASE = {**yaml.safe_load(DEFAULTS.read_text())["kubelet_base_configuration"], "clusterDomain": "büro.example"}
WISHES = {
    "sandbox_image": "registry.example/pause:3.10",
    "cni_bin_directory": r"C:\cni",
    "registry_config_path": r"C:\ü",
}


def kubelet(current: str | None) -> kubelet_config.Merged:
    return kubelet_config.merge(current, BASE, {}, "1.36.3")


def containerd(current: str | None) -> containerd_config.Merged:
    return containerd_config.merge(current, {}, "2.2.9", **WISHES)


@pytest.mark.parametrize("merge", [kubelet, containerd])
def test_every_beginning_of_a_first_file_becomes_the_whole_file(merge):
    """At each byte, as a disk or a power failure cuts: half of a character is read as U+FFFD."""
    anew = merge(None).text
    whole = anew.encode()
    for size in range(1, len(whole)):
        current = whole[:size].decode("utf-8", errors="replace")
        merged = merge(current)
        assert (meaning(merged.text), merged.before) == (meaning(anew), current)
    assert not merge(anew).changed


def meaning(text: str) -> object:
    return yaml.safe_load(text) if text.startswith("apiVersion") else tomllib.loads(text)


@pytest.mark.parametrize(("merge", "text"), [(kubelet, "maxPods: [1"), (containerd, 'version = 3\n[plugins."a')])
def test_a_damaged_file_of_somebodys_is_refused(merge, text):
    with pytest.raises(ConfigurationError):
        merge(text)


def test_a_whole_file_to_which_a_field_comes_is_not_called_cut_off():
    """A new field is written last, so the whole old file is a beginning of the new one."""
    old = kubelet(None).text
    merged = kubelet_config.merge(old, {**BASE, "kubeReserved": {"cpu": "100m"}}, {}, "1.36.3")
    assert merged.text.startswith(old)
    assert merged.warnings == ()


def test_what_only_the_file_makes_possible_is_not_refused():
    """CompositePodGroup needs two gates that this file turns on."""
    file = "featureGates:\n  GenericWorkload: true\n  TopologyAwareWorkloadScheduling: true"
    merged = kubelet_config.merge(file, {}, {"CompositePodGroup": True}, "1.37.2")
    assert yaml.safe_load(merged.text)["featureGates"]["CompositePodGroup"] is True


def test_a_broken_file_is_named_though_its_settings_alone_are_refused_too():
    handlers = {"foo": {"pod_annotations": ["a"]}}
    settings = {"plugins": {"io.containerd.grpc.v1.cri": {"containerd": {"runtimes": handlers}}}}
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        containerd_config.merge("version = 2\n[plugins", settings, "1.7.35")


@pytest.mark.parametrize("merge", [kubelet, containerd])
def test_it_is_told(merge):
    anew = merge(None).text
    told = [size for size in range(1, len(anew)) if any("cut off" in text for text in merge(anew[:size]).warnings)]
    assert told
    assert all(is_cut_off(anew[:size], anew) for size in told)


@pytest.mark.parametrize(
    ("current", "anew", "answer"),
    [("", "ab", False), (None, "ab", False), ("a", "ab", True), ("ab", "ab", False), ("b", "ab", False),
     ("a\ufffd", "aü", True), ("\ufffd", "ü", False)],
)  # fmt: skip
def test_only_a_beginning_is_cut_off(current, anew, answer):
    assert is_cut_off(current, anew) == answer
