"""PowerShell remoting (psrp): runspace pools and pipelines as WS-Management resources; psrpcore speaks the protocol.

A pipeline's script is a command like any other: its text and input go to the same runner as winrs commands.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from dataclasses import dataclass, field

import psrpcore
from psrpcore.types import HostMethodIdentifier

from lab.host.interface import Completed
from lab.wire.envelope import (
    NAMESPACES,
    Request,
    WsmanFault,
    element,
    invalid_selectors,
    not_modelled_fault,
    operation_timeout,
    reply,
)
from lab.wire.resources import COMMAND_STATE, SHELL_ACTION, Command, ResourceService

POWERSHELL = "http://schemas.microsoft.com/powershell/"
_CREATION = "{http://schemas.microsoft.com/powershell}creationXml"
# A reply stays below the 500 kB envelope that pypsrp asks for.
_FRAGMENT = 256 * 1024
_POOL = ""


@dataclass(eq=False)
class _Pipeline:
    """One script of a pool, from its text to its state Done."""

    command: Command
    remote: psrpcore.ServerPipeline
    wants_input: bool
    lines: list[str] = field(default_factory=list)
    done: bool = False
    task: asyncio.Task[None] | None = None


@dataclass(eq=False)
class _Pool:
    """A runspace pool: the protocol's state, and what waits to be received, by pipeline (the pool itself is ``""``)."""

    id: str
    resource_uri: str
    protocol: psrpcore.ServerRunspacePool
    pipelines: dict[str, _Pipeline] = field(default_factory=dict)
    outgoing: dict[str, list[bytes]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class PowerShellService(ResourceService[_Pool]):
    """The runspace pools of one node."""

    noun = "runspace pool"

    async def answer(self, request: Request) -> tuple[bytes, Command | None]:
        """As for every resource; broken fragments are a WsmanFault too."""
        try:
            return await super().answer(request)
        except (psrpcore.PSRPCoreError, binascii.Error) as exc:
            raise WsmanFault(87, "w:InvalidParameter", f"The PowerShell remoting data is invalid: {exc}") from exc

    async def _create(self, request: Request) -> tuple[bytes, None]:
        shell = request.body.find("rsp:Shell", NAMESPACES)
        creation = shell.find(_CREATION) if shell is not None else None
        if shell is None or creation is None:
            raise WsmanFault(87, "w:InvalidParameter", "The shell has no creationXml.")
        identifier = shell.get("ShellId", str(uuid.uuid4())).upper()
        pool = _Pool(identifier, request.resource_uri, psrpcore.ServerRunspacePool())
        self._take(pool, base64.b64decode(creation.text or ""), None)
        described = (
            element("rsp:ResourceUri", text=request.resource_uri),
            element("rsp:InputStreams", text="stdin pr"),
            element("rsp:OutputStreams", text="stdout"),
        )
        return self._add(request, pool, *described), None

    async def _command(self, request: Request) -> tuple[bytes, Command]:
        pool = self._of(request)
        line = request.body.find("rsp:CommandLine", NAMESPACES)
        identifier = (line.get("CommandId") if line is not None else None) or str(uuid.uuid4())
        data = (
            "".join(part.text or "" for part in line.iterfind("rsp:Arguments", NAMESPACES)) if line is not None else ""
        )
        psrpcore.ServerPipeline(pool.protocol, uuid.UUID(identifier))  # enters itself in the pool's table
        self._take(pool, base64.b64decode(data), identifier)
        body = element("rsp:CommandResponse", element("rsp:CommandId", text=identifier.upper()))
        return reply(request, SHELL_ACTION + "CommandResponse", body), self._command_of(pool, identifier)

    def _command_of(self, pool: _Pool, identifier: str) -> Command | None:
        pipeline = pool.pipelines.get(identifier.upper())
        return pipeline.command if pipeline else None

    async def _send(self, request: Request) -> tuple[bytes, Command | None]:
        pool, command = self._of(request), None
        for stream in request.body.iterfind("rsp:Send/rsp:Stream", NAMESPACES):
            identifier = stream.get("CommandId")
            self._take(pool, base64.b64decode(stream.text or ""), identifier)
            command = self._command_of(pool, identifier or "")
        return reply(request, SHELL_ACTION + "SendResponse", element("rsp:SendResponse")), command

    async def _receive(self, request: Request) -> tuple[bytes, Command | None]:
        pool = self._of(request)
        wanted = request.body.find("rsp:Receive/rsp:DesiredStream", NAMESPACES)
        identifier = ((wanted.get("CommandId") if wanted is not None else None) or _POOL).upper()
        if identifier and identifier not in pool.pipelines:
            raise invalid_selectors(f"pipeline {identifier!r}")
        await self._something_for(pool, identifier, request.operation_timeout)
        response = element("rsp:ReceiveResponse")
        waiting = pool.outgoing.get(identifier, [])
        room = _FRAGMENT
        attributes = {"CommandId": identifier} if identifier else {}
        while waiting and (room > 0 or len(response) == 0):
            data = waiting.pop(0)
            room -= len(data)
            response.append(element("rsp:Stream", text=base64.b64encode(data).decode(), Name="stdout", **attributes))
        if identifier:
            state = "Running" if waiting or not pool.pipelines[identifier].done else "Done"
            response.append(element("rsp:CommandState", State=COMMAND_STATE + state, **attributes))
        return reply(request, SHELL_ACTION + "ReceiveResponse", response), self._command_of(pool, identifier)

    async def _something_for(self, pool: _Pool, identifier: str, timeout: float) -> None:
        async def wait() -> None:
            while not pool.outgoing.get(identifier):
                pool.changed.clear()
                await pool.changed.wait()

        try:
            await asyncio.wait_for(wait(), timeout)
        except TimeoutError:
            raise operation_timeout() from None

    async def _signal(self, request: Request) -> tuple[bytes, Command | None]:
        pool = self._of(request)
        signal = request.body.find("rsp:Signal", NAMESPACES)
        identifier = (signal.get("CommandId") if signal is not None else None) or ""
        pipeline = pool.pipelines.pop(identifier.upper(), None)
        pool.outgoing.pop(identifier.upper(), None)
        command = pipeline.command if pipeline else None
        return reply(request, SHELL_ACTION + "SignalResponse", element("rsp:SignalResponse")), command

    def _take(self, pool: _Pool, data: bytes, identifier: str | None) -> None:
        """Hand fragments to the protocol, act on what they were, and collect its answers."""
        pipeline_id = uuid.UUID(identifier) if identifier else None
        pool.protocol.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, pipeline_id))
        while event := pool.protocol.next_event():
            self._act(pool, event)
        _collect(pool)

    def _act(self, pool: _Pool, event: psrpcore.PSRPEvent) -> None:
        if isinstance(event, psrpcore.CreatePipelineEvent):
            commands = event.pipeline.commands
            if len(commands) != 1 or not commands[0].is_script or commands[0].parameters:
                raise not_modelled_fault("a PowerShell pipeline that is not one script without arguments")
            identifier = str(event.pipeline_id).upper()
            command = Command(identifier, commands[0].command_text, is_script=True)
            remote = pool.protocol.pipeline_table[event.pipeline_id]
            pipeline = _Pipeline(command, remote, wants_input=not event.pipeline.no_input)
            pool.pipelines[identifier] = pipeline
            if not pipeline.wants_input:
                self._start(pool, pipeline)
        elif isinstance(event, psrpcore.PipelineInputEvent):
            data = event.data
            pool.pipelines[str(event.pipeline_id).upper()].lines += map(str, data if isinstance(data, list) else [data])
        elif isinstance(event, psrpcore.EndOfPipelineInputEvent):
            self._start(pool, pool.pipelines[str(event.pipeline_id).upper()])

    def _start(self, pool: _Pool, pipeline: _Pipeline) -> None:
        pipeline.command.stdin += "\n".join(pipeline.lines).encode()
        pipeline.task = asyncio.create_task(self._work(pool, pipeline))

    async def _work(self, pool: _Pool, pipeline: _Pipeline) -> None:
        loop = asyncio.get_running_loop()
        completed = await loop.run_in_executor(self._executor, self._run, pipeline.command)
        _tell(pipeline.remote, completed)
        pipeline.done = True
        _collect(pool)


def _tell(pipeline: psrpcore.ServerPipeline, completed: Completed) -> None:
    """A command's outcome as a pipeline's: output by lines, errors and the exit code through the client's host."""
    pipeline.start()
    for line in completed.stdout.decode("utf-8", "replace").splitlines():
        pipeline.write_output(line)
    if completed.stderr:
        text = completed.stderr.decode("utf-8", "replace").rstrip()
        pipeline.host_call(HostMethodIdentifier.WriteErrorLine, [text])
    if completed.exit_code:
        pipeline.host_call(HostMethodIdentifier.SetShouldExit, [completed.exit_code])
    pipeline.complete()


def _collect(pool: _Pool) -> None:
    """Sort the protocol's outgoing data to those who will ask for it."""
    while payload := pool.protocol.data_to_send(_FRAGMENT):
        identifier = str(payload.pipeline_id).upper() if payload.pipeline_id else _POOL
        pool.outgoing.setdefault(identifier, []).append(payload.data)
    pool.changed.set()
