# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""roles/control_plane on this machine, over Ansible's local connection, with a manifest as kubeadm 1.22 writes it."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from demo.playbook import PlaybookRun, run_playbook

GATE = "--feature-gates=WindowsHostProcessContainers=true"
# The shape of kubeadm's own (order, indentation, probes), with one comment and one odd line of an administrator.
MANIFEST = """\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint: 10.0.0.1:6443
  creationTimestamp: null
  labels:
    component: kube-apiserver
    tier: control-plane
  name: kube-apiserver
  namespace: kube-system
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=10.0.0.1
    - --allow-privileged=true # needed by HostProcess pods
    - --authorization-mode=Node,RBAC
    - --service-account-issuer=https://kubernetes.default.svc.cluster.local
    - "--audit-log-path=-"
    image: k8s.gcr.io/kube-apiserver:v1.22.17
    imagePullPolicy: IfNotPresent
    livenessProbe:
      failureThreshold: 8
      httpGet:
        host: 10.0.0.1
        path: /livez
        port: 6443
        scheme: HTTPS
    name: kube-apiserver
    volumeMounts:
    - mountPath: /etc/ssl/certs
      name: ca-certs
      readOnly: true
  hostNetwork: true
  priorityClassName: system-node-critical
  volumes:
  - hostPath:
      path: /etc/ssl/certs
      type: DirectoryOrCreate
    name: ca-certs
status: {}
"""


@pytest.fixture
def kubelet_runs() -> bool:
    return True


@pytest.fixture
def api_server(manifest: Path, kubelet_runs: bool) -> Iterator[list[subprocess.Popen]]:
    """A process that looks like kube-apiserver: the kubelet starts it a while after the manifest got the gate."""
    running: list[subprocess.Popen] = []
    over = threading.Event()

    def kubelet() -> None:
        while "WindowsHostProcessContainers=true" not in manifest.read_text():
            if over.wait(0.1):
                return
        if kubelet_runs and not over.wait(2):
            command = ["kube-apiserver", "-c", "import time; time.sleep(300)", "--advertise-address=10.0.0.1", GATE]
            running.append(subprocess.Popen(command, executable=sys.executable))

    watching = threading.Thread(target=kubelet, daemon=True)
    watching.start()
    yield running
    over.set()
    watching.join()
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def readiness(api_server: list[subprocess.Popen]) -> Iterator[tuple[str, list[str]]]:
    """A web server in the API server's place, of before and of now; it keeps what it was asked, and of which."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path if api_server else f"{self.path} of the former server")
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/readyz", asked
    server.shutdown()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "kubernetes" / "manifests" / "kube-apiserver.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(MANIFEST)
    return path


@pytest.fixture
def role(tmp_path: Path, manifest: Path, readiness: tuple[str, list[str]]) -> Callable[..., PlaybookRun]:
    """Run the role on localhost; returns how the run ended."""
    inventory = tmp_path / "inventory.yml"
    host = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"control1": {**host, "ansible_become": False}}}}))
    playbook = tmp_path / "play.yml"

    def run(version: str, *extra: str) -> PlaybookRun:
        variables = {
            "control_plane_kubernetes_version": version,
            "control_plane_manifest": str(manifest),
            "control_plane_backup_directory": str(manifest.parents[1]),
            "control_plane_url": readiness[0],
            "control_plane_timeout": 10,
        }
        role = {"role": "kubewin.hostprocess.control_plane", "vars": variables}
        playbook.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "roles": [role]}]))
        return run_playbook(str(playbook), inventory, work=tmp_path / "run", extra=extra, echo=None)

    return run


def arguments(path: Path) -> list[str]:
    return yaml.safe_load(path.read_text())["spec"]["containers"][0]["command"]


def test_the_gate_is_turned_on_once_with_a_copy_kept_and_the_api_server_awaited(role, manifest, readiness):
    first = role("1.22.17")
    assert first.exit_code == 0, first.explanation
    assert first.changed == 2
    assert GATE in arguments(manifest)
    expected = MANIFEST.replace("    - kube-apiserver\n", f"    - kube-apiserver\n    - {GATE}\n")
    assert manifest.read_text() == expected
    copy = manifest.parents[1] / "kube-apiserver.yaml.before-hostprocess"
    assert copy.read_text() == MANIFEST
    assert [path.name for path in manifest.parent.iterdir()] == ["kube-apiserver.yaml"]
    assert readiness[1] == ["/readyz"]

    second = role("1.22.17")
    assert second.exit_code == 0, second.explanation
    assert second.changed == 0
    assert manifest.read_text() == expected
    assert readiness[1] == ["/readyz"]


@pytest.mark.parametrize("kubelet_runs", [False])
def test_a_server_that_is_not_started_again_ends_the_run_though_the_former_one_answers(role, readiness):
    run = role("1.22.17")
    assert run.exit_code != 0
    assert "before-hostprocess" in " ".join(run.output.split())
    assert readiness[1] == []


def test_gates_that_are_there_stay_and_the_first_copy_is_not_overwritten(role, manifest):
    manifest.write_text(
        MANIFEST.replace("    - kube-apiserver\n", "    - kube-apiserver\n    - --feature-gates=A=true\n")
    )
    copy = manifest.parents[1] / "kube-apiserver.yaml.before-hostprocess"
    copy.write_text("an earlier one\n")
    assert role("1.22.17").exit_code == 0
    assert "--feature-gates=A=true,WindowsHostProcessContainers=true" in arguments(manifest)
    assert copy.read_text() == "an earlier one\n"


def test_check_mode_shows_the_difference_and_changes_nothing(role, manifest, readiness):
    run = role("1.22.17", "--check", "--diff")
    assert run.exit_code == 0, run.explanation
    assert f"+    - {GATE}" in run.output
    assert manifest.read_text() == MANIFEST
    assert [path.name for path in manifest.parents[1].iterdir()] == ["manifests"]
    assert readiness[1] == []


@pytest.mark.parametrize("version", ["1.21.14", "1.23.1", "1.27", "1.28", "v1.36.3"])
def test_other_versions_are_left_alone_with_the_reason(role, manifest, version):
    run = role(version)
    assert run.exit_code == 0, run.explanation
    assert run.changed == 0
    assert "needs no feature gate" in " ".join(run.output.split())
    assert manifest.read_text() == MANIFEST


ODD = {
    "no program": MANIFEST.replace("    - kube-apiserver\n", ""),
    "one line": MANIFEST.replace("  - command:\n    - kube-apiserver\n", "  - args:\n"),
    "not YAML": "spec: [\n",
    "another kind": "kind: ConfigMap\ndata: {}\n",
    "gates in the flow style": MANIFEST.replace(
        "  - command:\n    - kube-apiserver\n", "  - args: [kube-apiserver, --feature-gates=A=true]\n    command:\n"
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_manifest_that_is_not_understood_is_refused_and_left_alone(role, manifest, odd):
    manifest.write_text(ODD[odd])
    run = role("1.22.17")
    assert run.exit_code != 0
    flat = " ".join(run.output.split())
    assert "by hand" in flat or "can't be read as a pod" in flat
    assert manifest.read_text() == ODD[odd]
    assert [path.name for path in manifest.parents[1].iterdir()] == ["manifests"]
