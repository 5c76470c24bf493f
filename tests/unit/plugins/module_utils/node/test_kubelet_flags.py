# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""kubeadm-flags.env in the shapes that kubeadm 1.22 to 1.37 writes, and what of it a kubelet is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import kubelet_flags
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError

ENDPOINT = "npipe:////./pipe/containerd-containerd"
# What cmd/kubeadm/app/phases/kubelet/flags.go of each line puts there (1.22 to 1.28: as sig-windows-tools' scripts read
# it; the sources of these were not available).
SHAPES = {
    "1.22.17": f"--container-runtime=remote --container-runtime-endpoint={ENDPOINT} --network-plugin=cni"
    " --pod-infra-container-image=k8s.gcr.io/pause:3.5",
    "1.24.17": f"--container-runtime=remote --container-runtime-endpoint={ENDPOINT}"
    " --pod-infra-container-image=k8s.gcr.io/pause:3.7",
    "1.29.6": f"--container-runtime-endpoint={ENDPOINT} --hostname-override=win1"
    " --pod-infra-container-image=registry.k8s.io/pause:3.9",
    "1.34.4": f"--container-runtime-endpoint={ENDPOINT} --hostname-override=win1"
    " --pod-infra-container-image=registry.k8s.io/pause:3.10.1",
    "1.35.4": f"--container-runtime-endpoint={ENDPOINT} --hostname-override=win1",
    "1.36.3": "--hostname-override=win1",
    "1.37.2": "",
}


def names(flags) -> list[str]:
    return [flag.name for flag in flags]


@pytest.mark.parametrize("version", SHAPES)
def test_what_kubeadm_wrote_is_read_whole(version):
    found = kubelet_flags.kubeadm_flags(f'KUBELET_KUBEADM_ARGS="{SHAPES[version]}"\n')
    assert [str(flag) for flag in found] == SHAPES[version].split()


@pytest.mark.parametrize(
    ("version", "kept", "dropped"),
    [
        ("1.22.17", ["container-runtime", "network-plugin", "pod-infra-container-image"], []),
        ("1.24.17", ["container-runtime", "pod-infra-container-image"], ["network-plugin"]),
        ("1.29.6", ["pod-infra-container-image"], ["container-runtime", "network-plugin"]),
        ("1.35.4", [], ["container-runtime", "network-plugin", "pod-infra-container-image"]),
    ],
)
def test_flags_that_the_wanted_kubelet_no_longer_has_are_left_out_with_a_warning(version, kept, dropped):
    found = kubelet_flags.kubeadm_flags(f'KUBELET_KUBEADM_ARGS="{SHAPES["1.22.17"]}"')
    merged = kubelet_flags.merged(found, {"container-runtime-endpoint"}, version)
    assert names(merged.flags) == kept
    assert len(merged.warnings) == len(dropped)
    assert all(any(f"--{name} " in warning for warning in merged.warnings) for name in dropped)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('KUBELET_KUBEADM_ARGS="--node-labels=\\"a=b,c=d\\" --v=2"', ["--node-labels=a=b,c=d", "--v=2"]),
        (
            'KUBELET_KUBEADM_ARGS="--cert-dir=C:\\\\pki --root-dir C:\\\\kubelet"',
            ["--cert-dir=C:\\pki", "--root-dir=C:\\kubelet"],
        ),
        ("# by kubeadm\n\nKUBELET_KUBEADM_ARGS='--v=2'\n", ["--v=2"]),
        ("KUBELET_KUBEADM_ARGS=--v=2", ["--v=2"]),
        ('KUBELET_KUBEADM_ARGS=""', []),
        ("", []),
        (None, []),
    ],
    ids=["quotes in quotes", "Windows paths", "a comment", "no quotes", "nothing in it", "empty", "absent"],
)
def test_quotes_and_paths_come_out_as_they_were_meant(text, expected):
    assert [str(flag) for flag in kubelet_flags.kubeadm_flags(text)] == expected


@pytest.mark.parametrize(
    "text", ["--v=2", 'OTHER="--v=2"', 'KUBELET_KUBEADM_ARGS="--v=2', 'KUBELET_KUBEADM_ARGS=""\nA=b']
)
def test_another_file_is_refused(text):
    with pytest.raises(ConfigurationError, match="can't be read"):
        kubelet_flags.kubeadm_flags(text)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{2,9}", fullmatch=True), st.from_regex(r"[A-Za-z0-9:/._=,-]{1,20}", fullmatch=True)
    )
)
def test_any_flags_survive_the_way_through_the_file(flags):
    text = " ".join(f"--{name}={value}" for name, value in flags.items())
    found = kubelet_flags.kubeadm_flags(f'KUBELET_KUBEADM_ARGS="{text}"')
    assert {flag.name: flag.value for flag in found} == flags


def test_the_role_wins_over_kubeadm():
    found = kubelet_flags.parse(["--hostname-override=other", "--v", "4", "--one"])
    assert list(map(str, kubelet_flags.merged(found, {"hostname-override"}, "1.36.3").flags)) == ["--v=4", "--one"]


@pytest.mark.parametrize(
    ("flag", "version", "words"),
    [
        ("--feature-gates=WindowsHostProcessContainers=true", "1.28", "removed in 1.28"),
        ("--feature-gates=NoSuchGate=true", "1.36.3", "no feature gate NoSuchGate"),
        ("--feature-gates=SidecarContainers=false,NodeLogQuery=true", "1.36.3", "locks feature gate SidecarContainers"),
        ("--container-runtime=remote", "1.27", "no flag --container-runtime since 1.27"),
    ],
)
def test_a_command_line_that_stops_the_kubelet_is_refused(flag, version, words):
    with pytest.raises(ConfigurationError, match=words):
        kubelet_flags.refuse_stopping(kubelet_flags.parse([flag]), version)


def test_the_gate_goes_on_the_command_line_of_1_22_and_is_told_to_be_idle_in_1_27():
    flags = kubelet_flags.parse(["--feature-gates=WindowsHostProcessContainers=true"])
    assert kubelet_flags.refuse_stopping(flags, "1.22.17") == []
    assert "anyway" in kubelet_flags.refuse_stopping(flags, "1.27.7")[0]
