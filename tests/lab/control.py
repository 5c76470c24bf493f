"""How the command line speaks to a running laboratory: a small web server on a Unix socket in its folder."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from lab.background import BackgroundLoop
from lab.errors import LabError
from lab.faults import API_FAULTS, ARTIFACT_FAULTS, FAULTS, NODE_FAULTS, Fault

if TYPE_CHECKING:  # asking a laboratory must not take the time of importing one
    from lab.laboratory import Laboratory
    from lab.nodes import Node

STATE_FILE, LOG_FILE = "laboratory.json", "laboratory.log"
SOCKET = "control.sock"


@dataclass(frozen=True)
class State:
    """What a laboratory says of its process; with the start time, so that a reused process id is not taken for it."""

    process_id: int
    started: str

    @classmethod
    def of_this_process(cls) -> State:
        return cls(os.getpid(), _start_time(os.getpid()) or "")

    def alive(self) -> bool:
        return bool(self.started) and _start_time(self.process_id) == self.started

    def write(self, directory: Path) -> None:
        temporary = directory / f"{STATE_FILE}.new"
        temporary.write_text(json.dumps({"process_id": self.process_id, "started": self.started}))
        temporary.rename(directory / STATE_FILE)

    @classmethod
    def read(cls, directory: Path) -> State | None:
        """The state in a folder, of a laboratory that may be gone; None when there is none."""
        try:
            return cls(**json.loads((directory / STATE_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return None


def _start_time(process_id: int) -> str | None:
    """When a process started, in clock ticks since boot: proc(5), /proc/<pid>/stat, field 22; None for a zombie."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def strike(lab: Laboratory, name: str, node: str | None, seconds: float = 0.0, **meant_for: Any) -> str:
    """Let a fault wait, or happen; returns what was done.

    Args:
        seconds: of the laboratory's clock, for faults that last.
        meant_for: target, times and after of `Fault`.

    Raises:
        LabError: there is no such fault or node.
    """
    if name not in FAULTS:
        raise LabError(f"There is no fault {name!r}; choose one of {', '.join(FAULTS)}.")
    fault = Fault(name, **meant_for)
    if name in ARTIFACT_FAULTS:
        lab.artifacts.faults.add(fault)
        return f"{name} waits at the artifact server"
    if name in API_FAULTS:
        kubeconfig = lab.fault_proxy().kubeconfig
        lab.api_faults.add(fault)
        return f"{name} waits before the API server, for those who use the kubeconfig {kubeconfig}"
    found = _node(lab, node, f"Fault {name}")
    if name in NODE_FAULTS:
        return _NODE_STRIKES[name](lab, found, fault, seconds)
    found.faults.add(fault)
    return f"{name} waits at {node}"


def _node(lab: Laboratory, name: str | None, what: str) -> Node:
    if name not in lab.nodes:
        problem = f"there is no node {name!r}" if name else "it needs a node"
        raise LabError(f"{what}: {problem}. Nodes: {', '.join(lab.nodes)}.")
    return lab.nodes[name]


def _reboot(lab: Laboratory, node: Node, fault: Fault, seconds: float) -> str:
    node.host.reboot()
    return f"{node.name} reboots"


def _slow_reboot(lab: Laboratory, node: Node, fault: Fault, seconds: float) -> str:
    node.host.downtime = seconds / lab.clock
    return f"{node.name} stays down for {node.host.downtime:g} s at a reboot, which are {seconds:g} s of its clock"


def _crash(lab: Laboratory, node: Node, fault: Fault, seconds: float) -> str:
    name = fault.target or "kubelet"
    service = node.host.service(name)
    if service is None or not service.process_id:
        raise LabError(f"{node.name}: the service {name} does not run.")
    node.host.terminate(service.process_id)
    return f"{node.name}: killed process {service.process_id} of {service.configuration.name}"


_NODE_STRIKES: dict[str, Callable[[Laboratory, Node, Fault, float], str]] = {
    "reboot": _reboot,
    "slow_reboot": _slow_reboot,
    "crash": _crash,
}


def repair(lab: Laboratory, node: str | None) -> str:
    """Let no fault wait any more, at one node or everywhere.

    Raises:
        LabError: there is no such node.
    """
    nodes = [_node(lab, node, "Repair")] if node else list(lab.nodes.values())
    for one in nodes:
        one.faults.clear()
    if not node:
        lab.artifacts.faults.clear()
        lab.api_faults.clear()
    return f"no fault waits {f'at {node}' if node else 'anywhere'}"


def reset(lab: Laboratory, node: str | None) -> str:
    """Make a node bare again.

    Raises:
        LabError: there is no such node, or it does not come up.
    """
    found = _node(lab, node, "Reset")
    found.reset()
    return f"{node} is bare again"


ACTIONS: dict[str, Callable[..., str]] = {"fault": strike, "repair": repair, "reset": reset}


def describe(lab: Laboratory) -> dict[str, Any]:
    """What `status` shows."""
    nodes = [
        {
            "name": node.name,
            "kind": node.kind,
            "build": node.spec.build,
            "address": node.address,
            "up": bool(node.host and node.host.is_up()),
            "module_executions": len(node.winrm.executions) if node.winrm else 0,
            "faults_struck": list(node.faults.struck),
        }
        for node in lab.nodes.values()
    ]
    cluster = lab.cluster and {"url": lab.cluster.api_url, "version": lab.cluster.version}
    return {
        "cluster": cluster,
        "artifacts": lab.artifacts.url(),
        "inventory": str(lab.inventory),
        "kubeconfig": str(lab.kubeconfig) if lab.cluster else None,
        "nodes": nodes,
    }


class ControlServer:
    """Answers for one laboratory while it runs."""

    def __init__(self, lab: Laboratory) -> None:
        self._lab = lab
        self._background: BackgroundLoop | None = None
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> ControlServer:
        self._background = BackgroundLoop("control")
        self._background.run(self._listen())
        return self

    def __exit__(self, *_exception: object) -> None:
        self._background.run(self._runner.cleanup())
        self._background.stop()

    async def _listen(self) -> None:
        application = web.Application()
        application.add_routes([web.get("/status", self._status), web.post("/do/{action}", self._act)])
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._lab.directory / SOCKET)).start()

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(describe, self._lab))

    async def _act(self, request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            action = ACTIONS[request.match_info["action"]]
            return web.json_response({"done": await asyncio.to_thread(action, self._lab, **asked)})
        except LabError as error:
            return web.json_response({"error": str(error)}, status=HTTPStatus.BAD_REQUEST)


def ask(directory: Path, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the laboratory that runs in a folder.

    Raises:
        LabError: none runs there, or it refused.
    """
    state = State.read(directory)
    if state is None or not state.alive():
        raise LabError(f"No laboratory runs in {directory}. Start one: python -m lab up --state {directory}")

    async def call() -> tuple[int, dict[str, Any]]:
        connector = aiohttp.UnixConnector(str(directory / SOCKET))
        async with (
            aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(300)) as session,
            session.request(method, f"http://lab{path}", json=body) as reply,
        ):
            return reply.status, await reply.json()

    try:
        status, answer = asyncio.run(call())
    except aiohttp.ClientError as error:
        raise LabError(f"The laboratory in {directory} is not ready yet: {error}") from error
    if status != HTTPStatus.OK:
        raise LabError(answer["error"])
    return answer
