"""Another containerd on a node in use: pods run on, a failure is taken back, the second run changes nothing.

One binary node, prepared with containerd 2.1.9 and its shim, running HostProcess pods that write a heartbeat each. The
tests go up to the lab's containerd with the shim of its own and down again, in the order in which they are written.
"""

from __future__ import annotations

import json
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from demo.playbook import PlaybookRun, run_playbook
from e2e.waiting import wait_until
from kubernetes import client

from lab.artifacts.releases import sha256, write_archive
from lab.host.command_line import split
from lab.inventory import IMAGE
from lab.laboratory import Laboratory, NodeSpec
from lab.products import CONTAINERD as NEW
from lab.products import SECOND_CONTAINERD as OLD

pytestmark = [pytest.mark.nodes, pytest.mark.controlplane]

NODE = "win1"
NAMESPACE = "default"
CONTAINERD = r"C:\Program Files\containerd"
BEATS = r"C:\beats"
PODS = ("one", "two", "three")
# A beat a second; a machine that is busy with everything else of the laboratory makes some of them late. A container
# that was started again takes longer than this (the shim, the sandbox image, the layer), and is counted besides.
LONGEST_GAP_SECONDS = 8.0


def program(version: str, name: str = "containerd.exe") -> str:
    return rf"{CONTAINERD}\{version}\bin\{name}"


def beating(name: str) -> dict[str, Any]:
    """A DaemonSet whose pod appends to a file of its own, once a second, as long as it lives."""
    command = f"for /l %i in (1,0,2) do (echo beat>> {BEATS}\\{name}.txt & ping -n 2 127.0.0.1 > nul)"
    labels = {"beat": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "hostNetwork": True,
                    "os": {"name": "windows"},
                    "nodeSelector": {"kubernetes.io/os": "windows"},
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 1,
                    "securityContext": {
                        "windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}
                    },
                    "containers": [
                        {
                            "name": "beat",
                            "image": IMAGE,
                            "command": ["cmd.exe", "/c", command],
                            "resources": {"limits": {"cpu": "250m", "memory": "64Mi"}},
                        }
                    ],
                },
            },
        },
    }


@dataclass
class Watch:
    """Sees files grow, and keeps the longest time that one of them did not."""

    files: dict[str, Path]
    longest: dict[str, float] = field(default_factory=dict)
    beats: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Watch:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        now = time.monotonic()
        size = {name: file.stat().st_size for name, file in self.files.items()}
        grown = dict.fromkeys(self.files, now)
        self.longest, self.beats = dict.fromkeys(self.files, 0.0), dict.fromkeys(self.files, 0)
        while not self._ended.wait(0.1):
            now = time.monotonic()
            for name, file in self.files.items():
                found = file.stat().st_size
                self.longest[name] = max(self.longest[name], now - grown[name])
                if found != size[name]:
                    size[name], grown[name] = found, now
                    self.beats[name] += 1


@dataclass
class Line:
    """The node, its cluster, and the playbooks that change it."""

    lab: Laboratory
    work: Path
    core: client.CoreV1Api
    apps: client.AppsV1Api
    runs: int = 0

    @property
    def host(self) -> Any:
        return self.lab.nodes[NODE].host

    def variables(self, version: str) -> dict[str, Any]:
        artifacts = self.lab.artifacts
        return {
            "containerd_version": version,
            "containerd_url": artifacts.containerd_url(version),
            "containerd_sha256": artifacts.containerd_sha256(version),
        }

    def play(self, playbook: str, variables: dict[str, Any], *extra: str) -> PlaybookRun:
        self.runs += 1
        folder = self.work / f"run-{self.runs}"
        folder.mkdir(parents=True)
        given = folder / "variables.json"
        given.write_text(json.dumps(variables))
        return run_playbook(
            playbook,
            self.lab.inventory,
            work=folder,
            kubeconfig=self.lab.kubeconfig,
            extra=["-e", f"@{given}", *extra],
            echo=None,
        )

    def upgrade(self, version: str, *extra: str, **changes: Any) -> PlaybookRun:
        return self.play("upgrade", {**self.variables(version), **changes}, *extra)

    def reasons(self) -> dict[str, dict[str, Any]]:
        """What readiness says of the node, by code."""
        kept = self.work / "reasons.json"
        look = {"kubewin.hostprocess.node_info": {}, "register": "state"}
        keep = {
            "ansible.builtin.copy": {"content": "{{ state.reasons | to_json }}", "dest": str(kept)},
            "delegate_to": "localhost",
        }
        playbook = self.work / "look.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "windows", "gather_facts": False, "tasks": [look, keep]}]))
        run = self.play(str(playbook), {})
        assert run.exit_code == 0, run.explanation
        return {reason["code"]: reason for reason in json.loads(kept.read_text())}

    def containers(self) -> dict[str, tuple[str, int]]:
        """Pod name's first part to its container's id and restart count; only those that run."""
        found = {}
        for pod in self.core.list_namespaced_pod(NAMESPACE).items:
            for one in pod.status.container_statuses or []:
                if one.state.running and one.container_id:
                    found[pod.metadata.labels["beat"]] = (one.container_id.rpartition("/")[2], one.restart_count)
        return found

    def shims(self) -> set[str]:
        images = (process.image for process in self.host.processes())
        return {image.lower() for image in images if "containerd-shim-runhcs-v1" in image.lower()}

    def start(self, name: str) -> None:
        self.apps.create_namespaced_daemon_set(NAMESPACE, beating(name))
        wait_until(lambda: name in self.containers())

    def stop(self, name: str) -> None:
        self.apps.delete_namespaced_daemon_set(name, NAMESPACE)
        wait_until(lambda: name not in self.containers())

    def watch(self) -> Watch:
        files = {name: rf"{BEATS}\{name}.txt" for name in PODS}
        wait_until(lambda: all(self.host.status(path) for path in files.values()))
        return Watch({name: self.host.local_path(path) for name, path in files.items()})

    @property
    def cordoned(self) -> bool:
        return bool(self.core.read_node(NODE).spec.unschedulable)

    @property
    def reported(self) -> str:
        return self.core.read_node(NODE).status.node_info.container_runtime_version.rpartition("/")[2].lstrip("v")

    @property
    def runs_program(self) -> str:
        return split(self.host.service("containerd").configuration.command_line)[0]

    def configuration(self) -> bytes:
        return self.host.read(rf"{CONTAINERD}\config.toml")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder = tmp_path_factory.mktemp("upgrade")
    with Laboratory(folder / "lab", [NodeSpec(NODE, 20348)], containerd=OLD) as lab, lab.cluster.api() as api:
        found = Line(lab, folder, client.CoreV1Api(api), client.AppsV1Api(api))
        run = found.play("prepare", found.variables(OLD))
        assert run.exit_code == 0, run.explanation
        found.host.make_directory(BEATS)
        for name in PODS:
            found.start(name)
        yield found
        assert lab.ended_by_themselves() == []


def untouched(line: Line, before: dict[str, tuple[str, int]], watch: Watch) -> None:
    """No container was started again, and none was silent for longer than the machine's own hiccups."""
    after = line.containers()
    assert {name: after[name] for name in PODS} == {name: before[name] for name in PODS}
    assert all(watch.beats[name] > 5 for name in PODS), watch.beats
    assert max(watch.longest.values()) < LONGEST_GAP_SECONDS, watch.longest


def test_an_upgrade_lets_pods_run_on_and_gives_new_ones_the_new_shim(line: Line, record_property: Any) -> None:
    before = line.containers()
    assert line.shims() == {program(OLD, "containerd-shim-runhcs-v1.exe").lower()}
    with line.watch() as watch:
        run = line.upgrade(NEW)
        assert run.exit_code == 0, run.explanation
    record_property("longest_gap_seconds", max(watch.longest.values()))
    print("longest gaps", watch.longest, "beats", watch.beats, "seconds", run.seconds)
    untouched(line, before, watch)
    assert (line.runs_program, line.reported, line.cordoned) == (program(NEW), NEW, False)
    assert line.host.status(program(OLD)) is not None
    folders = {name.lower(): value for name, value in line.host.environment().items()}["path"].split(";")
    assert program(NEW).rpartition("\\")[0] in folders
    assert program(OLD).rpartition("\\")[0] not in folders

    old_shims = line.reasons()["NRD035"]
    assert old_shims["severity"] == "warning"
    assert {Path(shim["path"].replace("\\", "/")).parts[-3] for shim in old_shims["evidence"]["shim_processes"]} == {
        OLD
    }
    assert all(str(shim["pid"]) in old_shims["message"] for shim in old_shims["evidence"]["shim_processes"])

    line.start("four")
    assert program(NEW, "containerd-shim-runhcs-v1.exe").lower() in line.shims()
    line.stop("four")


def test_the_second_run_changes_nothing(line: Line) -> None:
    before = len(line.lab.nodes[NODE].winrm.executions)
    run = line.upgrade(NEW)
    assert run.exit_code == 0, run.explanation
    assert run.changed == 0, [task.task for task in run.tasks if task.changed]
    assert len(line.lab.nodes[NODE].winrm.executions) - before == 1


def test_a_configuration_that_containerd_refuses_is_taken_back_and_pods_live_on(line: Line) -> None:
    before, text = line.containers(), line.configuration()
    with line.watch() as watch:
        run = line.upgrade(NEW, containerd_config={"grpc": {"max_recv_message_size": "as much as there is"}})
    assert run.exit_code != 0
    said = " ".join(run.output.split())
    assert f"containerd {NEW} runs again" in said, run.explanation
    assert f"{NODE} stays cordoned" in said
    untouched(line, before, watch)
    assert (line.configuration(), line.runs_program, line.cordoned) == (text, program(NEW), True)
    services = [line.host.service(name).state for name in ("containerd", "kubelet")]
    assert services == ["running", "running"]


def test_the_next_run_gives_the_node_back(line: Line) -> None:
    run = line.upgrade(NEW)
    assert run.exit_code == 0, run.explanation
    assert not line.cordoned


def test_a_containerd_that_does_not_start_is_refused_before_anything_stops(line: Line, tmp_path: Path) -> None:
    broken = tmp_path / "containerd.exe"
    broken.write_bytes(b"MZ this is no program")
    archive = tmp_path / "containerd.tar.gz"
    shim = line.host.local_path(program(NEW, "containerd-shim-runhcs-v1.exe"))
    write_archive(archive, {"bin/containerd.exe": broken, "bin/containerd-shim-runhcs-v1.exe": shim})
    assert tarfile.is_tarfile(archive)
    before, process = line.containers(), line.host.service("containerd").process_id
    changes = {"containerd_version": "2.2.99", "containerd_archive": str(archive), "containerd_sha256": sha256(archive)}
    run = line.upgrade(NEW, **changes)
    said = " ".join(run.output.split())
    assert run.exit_code != 0
    assert "does not start" in said, run.explanation
    assert "Nothing was stopped" in said
    assert line.host.service("containerd").process_id == process
    assert {name: line.containers()[name] for name in PODS} == {name: before[name] for name in PODS}
    assert line.runs_program == program(NEW)


def test_a_downgrade_needs_no_download_and_leaves_somebody_elses_cordon(line: Line) -> None:
    given_back = line.upgrade(NEW)
    assert given_back.exit_code == 0, given_back.explanation
    assert not line.cordoned
    line.core.patch_node(NODE, {"spec": {"unschedulable": True}})
    before, downloads = line.containers(), len(line.lab.artifacts.requests)
    with line.watch() as watch:
        run = line.upgrade(OLD)
        assert run.exit_code == 0, run.explanation
    print("longest gaps", watch.longest, "beats", watch.beats, "seconds", run.seconds)
    untouched(line, before, watch)
    assert not [path for path in line.lab.artifacts.requests[downloads:] if path.endswith(".tar.gz")]
    assert (line.runs_program, line.reported, line.cordoned) == (program(OLD), OLD, True)
    assert "NRD035" not in line.reasons()
    assert line.upgrade(OLD).changed == 0
