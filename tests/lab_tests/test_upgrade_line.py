"""The playbooks that go from node to node stop at the first one that fails or is lost, and say how nodes were left.

Model nodes at a real control plane: their kubelets are models, so the tests write what those would report.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from demo.playbook import PlaybookRun, run_playbook
from kubernetes import client
from lab_tests.wire_support import CORES, core_or_skip

from lab.faults import Fault
from lab.host.interface import Process
from lab.laboratory import Laboratory, NodeSpec

pytestmark = pytest.mark.controlplane

NODES = ("line1", "line2", "line3")
MARK = "kubewin.hostprocess/cordoned-by"
INFORMATION = (
    "architecture", "bootID", "kernelVersion", "kubeProxyVersion", "machineID", "osImage", "systemUUID",
)  # fmt: skip


@dataclass
class Line:
    """Model nodes that were prepared, and as many Node objects."""

    lab: Laboratory
    core: client.CoreV1Api
    work: Path
    ansible: str = CORES[0]
    runs: int = 0

    def play(self, playbook: str, *extra: str, **variables: Any) -> PlaybookRun:
        self.runs += 1
        folder = core_or_skip(self.ansible)
        environment = {
            "PATH": f"{folder}/venv/bin:/usr/bin:/bin",
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        }
        return run_playbook(
            playbook,
            self.lab.inventory,
            work=self.work / f"run-{self.runs}",
            kubeconfig=self.lab.kubeconfig,
            extra=["-e", json.dumps(variables), *extra],
            echo=None,
            environment=environment,
        )

    def upgrade(self, *extra: str, **variables: Any) -> PlaybookRun:
        """With a setting that no run had before, so that every node is due."""
        image = f"registry.example/pause:{self.runs}"
        return self.play("upgrade", *extra, containerd_sandbox_image=image, kubewin_verify_timeout=5, **variables)

    def begin_anew(self) -> None:
        """Nothing is cordoned, marked or lost any more, and every node is reported as it has to be."""
        for name in NODES:
            self.lab.nodes[name].faults.clear()
            self.core.patch_node(name, {"metadata": {"annotations": {MARK: None}}, "spec": {"unschedulable": None}})
            self.report(name)

    def report(self, name: str, ready: str = "True", message: str = "kubelet is posting ready status") -> None:
        versions = self.lab.versions
        information = {
            **dict.fromkeys(INFORMATION, ""),
            "operatingSystem": "windows",
            "containerRuntimeVersion": f"containerd://{versions['containerd']}",
            "kubeletVersion": f"v{versions['kubernetes']}",
        }
        condition = {"type": "Ready", "status": ready, "reason": "Model", "message": message}
        condition["lastHeartbeatTime"] = datetime.datetime.now(datetime.UTC).isoformat()
        self.core.patch_node_status(name, {"status": {"nodeInfo": information, "conditions": [condition]}})

    def cordoned(self) -> list[str]:
        return [name for name in NODES if self.core.read_node(name).spec.unschedulable]

    @contextlib.contextmanager
    def lost(self, name: str) -> Iterator[None]:
        """The node lets nobody in as soon as it is cordoned."""

        def watch(ended: threading.Event) -> None:
            while not ended.wait(0.05) and not self.core.read_node(name).spec.unschedulable:
                pass
            self.lab.nodes[name].faults.add(Fault("unauthorized", times=None))

        with meanwhile(watch):
            yield

    @contextlib.contextmanager
    def reporting(self, name: str, **reported: str) -> Iterator[None]:
        """The node is reported again and again; the cluster calls one unknown that was silent for 40 seconds."""

        def report(ended: threading.Event) -> None:
            while not ended.wait(2):
                self.report(name, **reported)

        with meanwhile(report):
            yield


@contextlib.contextmanager
def meanwhile(work: Callable[[threading.Event], None]) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def said(run: PlaybookRun) -> str:
    assert run.exit_code != 0, run.output
    return " ".join(run.output.split())


def begun(run: PlaybookRun) -> set[str]:
    return {task.host for task in run.tasks if task.task.endswith("Examine the node")}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder = tmp_path_factory.mktemp("line")
    specs = [NodeSpec(name, 20348) for name in NODES]
    with Laboratory(folder / "lab", specs, kind="model") as lab, lab.cluster.api() as api:
        line = Line(lab, client.CoreV1Api(api), folder)
        for name in NODES:
            line.core.create_node({"metadata": {"name": name}})
        run = line.play("prepare")
        assert run.exit_code == 0, run.explanation
        yield line


@pytest.fixture
def line(prepared: Line) -> Line:
    prepared.ansible = CORES[0]
    prepared.begin_anew()
    return prepared


@pytest.mark.parametrize("ansible", CORES)
def test_an_upgrade_stops_behind_a_node_that_is_lost_in_the_middle(line: Line, ansible: str) -> None:
    line.ansible = ansible
    with line.lost("line1"):
        run = line.upgrade()
    text = said(run)
    assert begun(run) == {"line1"}
    assert line.cordoned() == ["line1"]
    assert "The run stopped at line1, because a node can't be reached any more" in text
    assert "Still cordoned: line1." in text
    assert "--limit 'all:!line1'" in text


def test_an_upgrade_by_batches_stops_behind_the_batch_that_lost_a_node(line: Line) -> None:
    with line.lost("line1"):
        run = line.upgrade(kubewin_serial=2)
    text = said(run)
    assert begun(run) == {"line1", "line2"}
    assert line.cordoned() == ["line1", "line2"]
    assert "because a node can't be reached any more" in text, run.output
    assert "Still cordoned: line1, line2." in text, run.output


def test_the_cluster_s_report_of_a_node_that_is_not_back_is_told(line: Line) -> None:
    with line.reporting("line1", ready="False", message="container runtime network not ready"):
        run = line.upgrade(kubewin_serial=2)
    text = said(run)
    assert begun(run) == {"line1", "line2"}
    assert "The cluster reports line1 with Ready False (container runtime network not ready), containerd" in text
    assert "line1 stays cordoned. Run the playbook again" in text
    assert "Stopped in the middle with it, and cordoned: line2." in text
    assert "The nodes that come later were left alone." in text
    assert line.cordoned() == ["line1", "line2"]


def test_the_reasons_of_a_node_that_is_not_ready_are_told(line: Line) -> None:
    run = line.upgrade("--limit", "line1", kubelet_api_server="https://127.0.0.1:1")
    text = said(run)
    assert "Refuse a node that is not ready: line1 is not ready after the change." in text
    assert "127.0.0.1:1" in text.partition("is not ready after the change.")[2]
    assert "line1 stays cordoned. Run the playbook again" in text


def test_somebody_else_s_cordon_is_told_as_such(line: Line) -> None:
    line.core.patch_node("line1", {"spec": {"unschedulable": True}})
    line.report("line1", ready="False")
    text = said(line.upgrade("--limit", "line1"))
    assert "line1 stays cordoned, as before this run." in text
    assert "gives the node back" not in text
    assert (line.core.read_node("line1").metadata.annotations or {}).get(MARK) is None


@pytest.mark.parametrize(
    ("passed_before", "left"),
    [
        (0, "line1 was not changed by this run, and is in use as before."),
        (1, "line1 was not changed by this run, and is in use as before."),
        (3, "line1 is changed and in use again. Only the annotation"),
    ],
    ids=["mark", "cordon", "mark taken away"],
)
def test_a_failure_without_a_cordon_says_what_the_node_is(line: Line, passed_before: int, left: str) -> None:
    """The model has no job objects that a C# probe could read, so its check asks WMI."""
    proxy = line.lab.fault_proxy()
    line.lab.api_faults.add(Fault("api_error", "PATCH /api/v1/nodes/line1", times=None, after=passed_before))
    try:
        with line.reporting("line1"):
            run = line.upgrade("--limit", "line1", kubewin_kubeconfig=str(proxy.kubeconfig), check_source="cim")
    finally:
        line.lab.api_faults.clear()
    text = said(run)
    assert left in text, run.output
    assert "stays cordoned" not in text
    assert line.cordoned() == []


def test_a_removal_by_batches_stops_behind_the_batch_that_lost_a_node(line: Line) -> None:
    line.lab.nodes["line1"].faults.add(Fault("unauthorized", times=None))
    run = line.play("remove", "--check", kubewin_serial=2)
    text = said(run)
    assert begun(run) == {"line1", "line2"}
    assert "line1 can't be reached any more" in text, run.output
    assert "--limit 'all:!line1'" in text


def test_a_drain_that_fails_before_a_removal_says_that_the_node_is_cordoned(line: Line) -> None:
    proxy = line.lab.fault_proxy()
    line.lab.api_faults.add(Fault("api_error", "GET /api/v1/pods", times=None))
    try:
        run = line.play("remove", "--limit", "line1", remove_kubeconfig=str(proxy.kubeconfig))
    finally:
        line.lab.api_faults.clear()
    text = said(run)
    assert "Drain the node: " in text, run.output
    assert "line1 stays cordoned" in text
    assert "kubectl uncordon line1" in text
    assert line.cordoned() == ["line1"]
    assert line.lab.nodes["line1"].host.service("kubelet").state == "running"


def test_containers_that_go_on_after_the_node_was_deleted_are_told_with_that(line: Line) -> None:
    """The last test: the node is gone from the cluster."""
    host = line.lab.nodes["line3"].host
    shim = r"C:\Program Files\containerd\2.2.9\bin\containerd-shim-runhcs-v1.exe"
    host._processes[4321] = Process(4321, 4, shim, shim)
    run = line.play("remove", "--limit", "line3", remove_end_timeout=5)
    text = said(run)
    assert "Containers still run on line3" in text, run.output
    assert "No service was stopped and no file was removed, but the node line3 and its pods are deleted" in text
    assert "line3" not in [node.metadata.name for node in line.core.list_node().items]
    assert host.service("kubelet").state == "running"
