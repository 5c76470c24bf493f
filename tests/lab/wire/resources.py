"""What shells and runspace pools have in common: resources that a client makes, drives by verbs, and deletes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from xml.etree import ElementTree

from lab.host.interface import Completed
from lab.wire.envelope import Request, element, invalid_selectors, not_modelled_fault, reply

SHELL_ACTION = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/"
TRANSFER_ACTION = "http://schemas.xmlsoap.org/ws/2004/09/transfer/"
COMMAND_STATE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/"

Run = Callable[["Command"], Completed]


@dataclass(eq=False)
class Command:
    """One command of a shell: its input, and once it ran its output.

    Attributes:
        line: the command line, or the PowerShell text itself where ``is_script`` (psrp).
        record: what it cost on the wire.
    """

    id: str
    line: str
    stdin: bytearray = field(default_factory=bytearray)
    finished: asyncio.Future[Completed] | None = None
    record: dict[str, Any] = field(default_factory=lambda: {"bytes_in": 0, "bytes_out": 0, "requests": 0})
    sent: dict[str, int] = field(default_factory=lambda: {"stdout": 0, "stderr": 0})
    is_script: bool = False


class Identified(Protocol):
    id: str


Resource = TypeVar("Resource", bound=Identified)


class ResourceService(ABC, Generic[Resource]):
    """The resources of one node. Lives in the event loop; commands run in the executor.

    Args:
        run: executes a complete command; may block; must not raise.
    """

    noun: ClassVar[str]

    def __init__(self, run: Run, executor: Executor) -> None:
        self._run = run
        self._executor = executor
        self._resources: dict[str, Resource] = {}
        self._verbs: dict[str, Callable[[Request], Awaitable[tuple[bytes, Command | None]]]] = {
            TRANSFER_ACTION + "Create": self._create,
            SHELL_ACTION + "Command": self._command,
            SHELL_ACTION + "Send": self._send,
            SHELL_ACTION + "Receive": self._receive,
            SHELL_ACTION + "Signal": self._signal,
            TRANSFER_ACTION + "Delete": self._delete,
        }

    def forget(self) -> None:
        """The node lost power: nothing survives."""
        self._resources.clear()

    async def answer(self, request: Request) -> tuple[bytes, Command | None]:
        """The reply to a request, and the command it was about.

        Raises:
            WsmanFault: unknown action, resource or command; nothing to receive yet.
        """
        verb = self._verbs.get(request.action)
        if verb is None:
            raise not_modelled_fault(f"the action {request.action!r} on a {self.noun}")
        return await verb(request)

    def _of(self, request: Request) -> Resource:
        """The resource that a request names."""
        identifier = request.selectors.get("ShellId", "")
        resource = self._resources.get(identifier.upper())
        if resource is None:
            raise invalid_selectors(f"{self.noun} {identifier!r}")
        return resource

    def _add(self, request: Request, resource: Resource, *described: ElementTree.Element) -> bytes:
        """Keep a new resource; the reply that says where it is and what it is like."""
        self._resources[resource.id] = resource
        created = element(
            "x:ResourceCreated",
            element("a:Address", text="http://localhost/wsman"),
            element(
                "a:ReferenceParameters",
                element("w:ResourceURI", text=request.resource_uri),
                element("w:SelectorSet", element("w:Selector", text=resource.id, Name="ShellId")),
            ),
        )
        shell = element("rsp:Shell", element("rsp:ShellId", text=resource.id), *described)
        return reply(request, TRANSFER_ACTION + "CreateResponse", created, shell)

    async def _delete(self, request: Request) -> tuple[bytes, None]:
        del self._resources[self._of(request).id]
        return reply(request, TRANSFER_ACTION + "DeleteResponse"), None

    @abstractmethod
    async def _create(self, request: Request) -> tuple[bytes, None]: ...

    @abstractmethod
    async def _command(self, request: Request) -> tuple[bytes, Command]: ...

    @abstractmethod
    async def _send(self, request: Request) -> tuple[bytes, Command | None]: ...

    @abstractmethod
    async def _receive(self, request: Request) -> tuple[bytes, Command | None]: ...

    @abstractmethod
    async def _signal(self, request: Request) -> tuple[bytes, Command | None]: ...
