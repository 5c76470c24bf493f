# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate on kube-apiserver: only for 1.22, in the manifest's own words."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.control_plane import control_plane_plan
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError

GATE = "WindowsHostProcessContainers=true"
MANIFEST = """\
# kubeadm wrote this
apiVersion: v1
kind: Pod
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=10.0.0.1 # kept
    image: registry.k8s.io/kube-apiserver:v1.22.17
"""


def arguments(manifest: str) -> list[str]:
    return yaml.safe_load(manifest)["spec"]["containers"][0]["command"]


@pytest.mark.parametrize("version", ["1.21.14", "1.23.1", "1.26.5", "1.28", "v1.36.3"])
def test_other_versions_need_nothing_and_say_why(version):
    plan = control_plane_plan(MANIFEST, version)
    assert not plan["needed"]
    assert not plan["differs"]
    assert "needs no feature gate" in plan["reason"]


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ("", GATE),
        ("A=true", f"A=true,{GATE}"),
        ("WindowsHostProcessContainers=false,B=false", f"B=false,{GATE}"),
    ],
)
def test_the_gate_is_added_to_those_that_are_there(present, expected):
    manifest = MANIFEST.replace("# kept\n", f"# kept\n    - --feature-gates={present}\n") if present else MANIFEST
    plan = control_plane_plan(manifest, "1.22")
    assert plan["differs"]
    assert f"--feature-gates={expected}" in arguments(plan["content"])
    assert "# kubeadm wrote this" in plan["content"]
    assert "# kept" in plan["content"]
    assert not control_plane_plan(plan["content"], "1.22")["differs"]


@pytest.mark.parametrize("manifest", ["kind: Pod\n", "spec: [", MANIFEST.replace("    - kube-apiserver\n", "")])
def test_a_manifest_that_is_not_understood_is_refused(manifest):
    with pytest.raises(ConfigurationError):
        control_plane_plan(manifest, "1.22.17")
