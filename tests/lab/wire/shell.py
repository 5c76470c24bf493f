"""Windows Remote Shells: shells and commands as WS-Management resources, without knowing what a command means."""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from dataclasses import dataclass, field
from xml.etree import ElementTree

from lab.host.interface import Completed
from lab.wire.envelope import (
    NAMESPACES,
    Request,
    WsmanFault,
    element,
    invalid_selectors,
    operation_timeout,
    reply,
)
from lab.wire.resources import COMMAND_STATE, SHELL_ACTION, Command, ResourceService

CMD_SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd"
# A reply stays below MaxEnvelopeSize (153600 is what pywinrm asks for) with its output in base64.
_OUTPUT_PER_REPLY = 96 * 1024


@dataclass(eq=False)
class Shell:
    """A shell that a client opened."""

    id: str
    commands: dict[str, Command] = field(default_factory=dict)


class ShellService(ResourceService[Shell]):
    """The shells of one node."""

    noun = "shell"

    def _command_of(self, shell: Shell, identifier: str | None) -> Command:
        command = shell.commands.get((identifier or "").upper())
        if command is None:
            raise invalid_selectors(f"command {identifier!r}")
        return command

    async def _create(self, request: Request) -> tuple[bytes, None]:
        return self._add(request, Shell(str(uuid.uuid4()).upper())), None

    async def _command(self, request: Request) -> tuple[bytes, Command]:
        shell = self._of(request)
        line = request.body.find("rsp:CommandLine", NAMESPACES)
        if line is None:
            raise WsmanFault(87, "w:InvalidParameter", "The Command request has no CommandLine.")
        words = [line.findtext("rsp:Command", "", NAMESPACES)]
        words += [argument.text or "" for argument in line.iterfind("rsp:Arguments", NAMESPACES)]
        command = Command(str(uuid.uuid4()).upper(), " ".join(words))
        shell.commands[command.id] = command
        if request.options.get("WINRS_CONSOLEMODE_STDIN", "TRUE").upper() == "TRUE":
            self._start(command)  # the client will send no input
        body = element("rsp:CommandResponse", element("rsp:CommandId", text=command.id))
        return reply(request, SHELL_ACTION + "CommandResponse", body), command

    def _start(self, command: Command) -> None:
        if command.finished is None:
            loop = asyncio.get_running_loop()
            command.finished = loop.run_in_executor(self._executor, self._run, command)

    async def _send(self, request: Request) -> tuple[bytes, Command]:
        shell = self._of(request)
        command = None
        for stream in request.body.iterfind("rsp:Send/rsp:Stream", NAMESPACES):
            command = self._command_of(shell, stream.get("CommandId"))
            try:
                command.stdin += base64.b64decode(stream.text or "", validate=True)
            except binascii.Error as exc:
                raise WsmanFault(87, "w:InvalidParameter", f"A Send is not base64: {exc}") from exc
            if stream.get("End", "").lower() == "true":
                self._start(command)
        return reply(request, SHELL_ACTION + "SendResponse", element("rsp:SendResponse")), command

    async def _receive(self, request: Request) -> tuple[bytes, Command]:
        wanted = request.body.find("rsp:Receive/rsp:DesiredStream", NAMESPACES)
        command = self._command_of(self._of(request), wanted.get("CommandId") if wanted is not None else None)
        if command.finished is None:
            await asyncio.sleep(request.operation_timeout)  # still waiting for its input
            raise operation_timeout()
        done, _pending = await asyncio.wait([command.finished], timeout=request.operation_timeout)
        if not done:
            raise operation_timeout()
        body = _output(command, command.finished.result())
        return reply(request, SHELL_ACTION + "ReceiveResponse", body), command

    async def _signal(self, request: Request) -> tuple[bytes, Command | None]:
        shell = self._of(request)
        signal = request.body.find("rsp:Signal", NAMESPACES)
        identifier = signal.get("CommandId") if signal is not None else None
        command = shell.commands.pop((identifier or "").upper(), None)
        return reply(request, SHELL_ACTION + "SignalResponse", element("rsp:SignalResponse")), command


def _output(command: Command, completed: Completed) -> ElementTree.Element:
    """The next part of a finished command's output; the state is Done with the last part."""
    response = element("rsp:ReceiveResponse")
    room = _OUTPUT_PER_REPLY
    for name, data in (("stdout", completed.stdout), ("stderr", completed.stderr)):
        part = data[command.sent[name] : command.sent[name] + room]
        command.sent[name] += len(part)
        room -= len(part)
        if part:
            text = base64.b64encode(part).decode()
            response.append(element("rsp:Stream", text=text, Name=name, CommandId=command.id))
    if command.sent["stdout"] < len(completed.stdout) or command.sent["stderr"] < len(completed.stderr):
        response.append(element("rsp:CommandState", CommandId=command.id, State=COMMAND_STATE + "Running"))
        return response
    for name in ("stdout", "stderr"):
        response.append(element("rsp:Stream", Name=name, CommandId=command.id, End="true"))
    exit_code = element("rsp:ExitCode", text=str(completed.exit_code))
    response.append(element("rsp:CommandState", exit_code, CommandId=command.id, State=COMMAND_STATE + "Done"))
    return response
