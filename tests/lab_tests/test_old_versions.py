"""The way from Kubernetes 1.22 to 1.28, and containerd up and down all its lines, by the roles on a modelled node."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import yaml
from lab_tests.test_roles import ALONE, CONTAINERD, SHIM, Node, Outcome, Releases, node_of, program_of, releases  # noqa: F401

CONFIG, KUBELET_CONFIG = rf"{CONTAINERD}\config.toml", r"C:\var\lib\kubelet\config.yaml"
CRI, RUNTIME = "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"
GATE, MARK = "WindowsHostProcessContainers", "microsoft.com/hostprocess-container"
CNI = "C:\\opt\\cni\\bin"


@pytest.fixture
def node(node_of: Any) -> Node:  # noqa: F811
    """A node without a config.toml."""
    node = node_of()
    node.host.remove(CONFIG)
    (node.directory / "alone.yml").write_text(ALONE)
    return node


def alone(node: Node, variables: dict[str, Any], *extra: str) -> Outcome:
    """Run the role containerd by itself."""
    return node.prepare(variables, *extra, playbook=str(node.directory / "alone.yml"))


def config(node: Node) -> dict[str, Any]:
    return tomllib.loads(node.text(CONFIG))


def gates(node: Node) -> dict[str, bool] | None:
    return yaml.safe_load(node.text(KUBELET_CONFIG)).get("featureGates")


def command_line(node: Node, service: str) -> str:
    return node.host.service(service).configuration.command_line


def variables_1_22(releases: Releases) -> dict[str, Any]:  # noqa: F811
    return releases.variables(containerd="1.5.18", kubelet="1.22.17") | releases.own_shim("0.9.12")


def test_kubernetes_1_22_gets_its_gate_its_annotation_and_its_shim(node: Node, releases: Releases) -> None:  # noqa: F811
    variables = variables_1_22(releases)
    node.prepare(variables).succeeded()
    assert gates(node) == {GATE: True}
    assert "--container-runtime=remote" in command_line(node, "kubelet")
    assert "--container-runtime-endpoint=npipe:////./pipe/containerd-containerd" in command_line(node, "kubelet")
    assert program_of(node, "containerd") == rf"{CONTAINERD}\1.5.18\bin\containerd.exe"

    folder = rf"{CONTAINERD}\hcsshim-0.9.12"
    assert node.text(rf"{folder}\bin\{SHIM}").endswith("version=0.9.12")
    written = config(node)
    assert written["version"] == 2
    assert written["plugins"]["io.containerd.internal.v1.opt"] == {"path": folder}
    assert written["plugins"][CRI]["containerd"]["runtimes"] == {
        "runhcs-wcow-process": {
            "runtime_type": "io.containerd.runhcs.v1",
            "pod_annotations": [MARK],
            "container_annotations": [MARK],
        }
    }
    before = node.tree()
    second = node.prepare(variables).succeeded()
    assert (second.changed(), second.modules, node.tree()) == (0, ["node_info"], before)


def test_from_1_22_to_1_28_the_gate_is_needed_then_harmless_then_refused(node: Node, releases: Releases) -> None:  # noqa: F811
    node.prepare(variables_1_22(releases)).succeeded()

    for kubelet, containerd in (("1.23.17", "1.6.39"), ("1.27.16", "1.7.36")):
        step = node.prepare(releases.variables(containerd=containerd, kubelet=kubelet)).succeeded()
        assert step.changed() > 0
        assert gates(node) == {GATE: True}
        assert f"version={kubelet}" in node.text(r"C:\k\kubelet.exe")
        # The release's own shim from here on.
        assert config(node)["plugins"]["io.containerd.internal.v1.opt"] == {"path": rf"{CONTAINERD}\{containerd}"}
    assert "--container-runtime" not in command_line(node, "kubelet")

    newest = releases.variables(containerd="1.7.36", kubelet="1.28.15")
    before, services = node.tree(), [command_line(node, name) for name in ("containerd", "kubelet")]
    refused = node.prepare(newest).refused(GATE, "removed in 1.28", f"Remove {GATE}")
    assert refused.modules == ["node_info"]
    assert node.tree() == before
    assert [command_line(node, name) for name in ("containerd", "kubelet")] == services
    assert node.host.service("kubelet").state == "running"

    without = {**newest, "kubelet_feature_gates": {GATE: None}}
    node.prepare(without).succeeded()
    assert gates(node) is None
    assert "version=1.28.15" in node.text(r"C:\k\kubelet.exe")
    assert node.prepare(newest).succeeded().changed() == 0


REFUSALS = {
    "1.5 with the shim of its release": ("1.5.18", ["hcsshim v0.8.25", "containerd_hcsshim_version", "1.6 or later"]),
    "a patch before 1.5.4": ("1.5.3", ["1.5.3 has no HostProcess containers", "Use 1.5.4 or later"]),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_containerd_that_can_not_run_hostprocess_is_refused_before_anything_is_changed(
    node: Node,
    releases: Releases,  # noqa: F811
    case: str,
) -> None:
    version, words = REFUSALS[case]
    refused = alone(node, releases.variables(containerd=version)).refused(*words, "Nothing was changed")
    assert refused.modules == ["node_info"]
    assert node.tree() == {}


# containerd up all its lines and back down, with a folder of CNI programs, whose key has changed twice.

UP = ("1.7.36", "2.0.14", "2.1.9", "2.2.9", "2.3.7", "2.4.2")
WISHES = {"containerd_cni_bin_directory": CNI, "containerd_pod_annotations": ["microsoft.com/*"]}


# The versions around which a key changes: there a second run has to change nothing.
TRAPS = ("2.0.14", "2.4.2")


def step(node: Node, releases: Releases, version: str, **wishes: Any) -> dict[str, Any]:  # noqa: F811
    """Change the version, see that it runs; return config.toml."""
    variables = {**releases.variables(containerd=version), **wishes}
    assert alone(node, variables).succeeded().changed() > 0
    assert program_of(node, "containerd") == rf"{CONTAINERD}\{version}\bin\containerd.exe"
    assert node.host.service("containerd").state == "running"
    if version in TRAPS:
        second = alone(node, variables).succeeded()
        assert (second.changed(), second.modules) == (0, ["node_info"])
    written = config(node)
    assert written["plugins"]["io.containerd.internal.v1.opt"] == {"path": rf"{CONTAINERD}\{version}"}
    return written


def test_a_file_of_1_7_goes_up_to_2_4_and_back(node: Node, releases: Releases) -> None:  # noqa: F811
    files = [step(node, releases, version, **WISHES) for version in (*UP, UP[0])]
    for written in files:
        assert written["version"] == 2
        assert written["plugins"][CRI]["cni"] == {"bin_dir": CNI}
        process = written["plugins"][CRI]["containerd"]["runtimes"]["runhcs-wcow-process"]
        assert process["pod_annotations"] == ["microsoft.com/*"]
        assert process["runtime_type"] == "io.containerd.runhcs.v1"
    assert files[-1] == files[0]


def test_a_file_of_2_0_goes_up_to_2_4_and_down_but_not_to_1_7(node: Node, releases: Releases) -> None:  # noqa: F811
    keys = {"2.0.14": {"bin_dir": CNI}}
    for version in (*UP[1:], *UP[-2:0:-1]):
        written = step(node, releases, version, **WISHES)
        assert written["version"] == 3
        assert written["plugins"][RUNTIME]["cni"] == keys.get(version, {"bin_dirs": [CNI]})
        assert written["plugins"][RUNTIME]["containerd"]["runtimes"] == {
            "runhcs-wcow-process": {"pod_annotations": ["microsoft.com/*"]}
        }
    before, service = node.tree(), node.host.service("containerd")
    back = {**releases.variables(containerd="1.7.36"), **WISHES}
    refused = alone(node, back).refused("version 3, which containerd 1.7.36 can't read", "Move it away", "version 2")
    assert refused.modules == ["node_info"]
    assert node.tree() == before
    assert node.host.service("containerd") == service

    node.host.move(CONFIG, rf"{CONTAINERD}\config.toml.2.0")
    alone(node, back).succeeded()
    assert config(node)["version"] == 2
    assert config(node)["plugins"][CRI]["cni"] == {"bin_dir": CNI}
    assert set(config(node)["plugins"][CRI]["containerd"]["runtimes"]) == {
        "runhcs-wcow-process",
        "runhcs-wcow-hypervisor",
    }


def test_a_key_that_somebody_else_wrote_is_renamed_where_the_next_containerd_ignores_it(
    node: Node,
    releases: Releases,  # noqa: F811
) -> None:
    foreign = f"version = 3 # by hand\n[plugins.'{RUNTIME}'.cni]\n  bin_dir = 'D:\\cni' # ours\n"
    node.host.write(CONFIG, foreign.encode())
    keys = [("2.3.7", {"bin_dir": "D:\\cni"}), ("2.4.2", {"bin_dirs": ["D:\\cni"]}), ("2.0.14", {"bin_dir": "D:\\cni"})]
    for version, key in keys:
        assert step(node, releases, version)["plugins"][RUNTIME]["cni"] == key
        assert "# by hand" in node.text(CONFIG)


UNREADABLE = {
    "version 4 under 2.2": ("version = 4\n", "2.3.7", "2.2.9", "version 4, which containerd 2.2.9 can't read"),
    "version 1 under 2.1": ("root = 'C:\\\\x'\n", None, "2.1.9", "drops its CRI settings"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_the_other_line_would_lose_or_refuse_stops_the_change_before_it_begins(
    node: Node,
    releases: Releases,  # noqa: F811
    case: str,
) -> None:
    text, first, then, words = UNREADABLE[case]
    node.host.write(CONFIG, text.encode())
    if first:
        step(node, releases, first)
    before = node.tree()
    refused = alone(node, releases.variables(containerd=then)).refused(words)
    assert (refused.modules, node.tree()) == (["node_info"], before)
