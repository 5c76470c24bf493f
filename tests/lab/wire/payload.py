"""What ansible-core sends to run on a node, told by structure and never by the text of its wrappers.

ansible-core 2.19 and later send on stdin: JSON of the bootstrap (name, script, params), a line of four NULs, JSON of
the manifest (scripts, actions), and for transfers another line of four NULs and the data. A command without stdin is
raw PowerShell text in ``-EncodedCommand``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any

from lab.errors import NotModelled

_SEPARATOR = b"\n\0\0\0\0\n"
_ENCODED_COMMAND = re.compile(r"^\s*\"?powershell(?:\.exe)?\"?\s.*?-EncodedCommand\s+([A-Za-z0-9+/=]+)", re.I | re.S)
_COLLECTION_MODULE = re.compile(r"ansible_collections\.(\w+\.\w+)\.plugins\.modules\.(\w+)\.ps1")


@dataclass(frozen=True)
class RawScript:
    """PowerShell text without a manifest."""

    text: str


@dataclass(frozen=True)
class HelperScript:
    """One of ansible-core's own scripts, by file name: mkdtemp, transfers, expand_user."""

    name: str
    parameters: dict[str, Any]
    data: bytes = b""


@dataclass(frozen=True)
class ModuleCall:
    """One module run.

    Attributes:
        fqcn: for example ``ansible.windows.win_service``; ``ansible.legacy.NAME`` for a module beside a playbook.
        arguments: as the controller sent them, uncoerced, without the ``_ansible_*`` keys.
        internal: the ``_ansible_*`` keys without that prefix (check_mode, diff, no_log, ...).
        source: the module's .ps1 text as bytes, as it was sent.
        scripts: every script of the payload by name (C# and PowerShell utilities too).
    """

    fqcn: str
    arguments: dict[str, Any]
    internal: dict[str, Any]
    source: bytes
    scripts: dict[str, str] = field(default_factory=dict, repr=False)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def check_mode(self) -> bool:
        """Whether the task only asks what would change."""
        return bool(self.internal.get("check_mode", False))

    @property
    def diff(self) -> bool:
        """Whether the task wants a diff."""
        return bool(self.internal.get("diff", False))


Payload = RawScript | HelperScript | ModuleCall


def script_text(command_line: str) -> str | None:
    """The PowerShell text of a command line, unwrapped as often as it is wrapped; None where it is no PowerShell."""
    text = None
    while match := _ENCODED_COMMAND.match(command_line):
        if "-EncodedArguments" in command_line:
            raise NotModelled("PowerShell with -EncodedArguments (ANSIBLE_KEEP_REMOTE_FILES)")
        try:
            text = base64.b64decode(match[1], validate=True).decode("utf-16-le")
        except (binascii.Error, UnicodeDecodeError) as exc:
            raise NotModelled(f"a command line whose -EncodedCommand is not base64 of UTF-16 ({exc})") from exc
        command_line = text
    return text


def decode(command_line: str, stdin: bytes) -> Payload:
    """What a command is.

    Raises:
        NotModelled: a payload of ansible-core before 2.19, a shell command, async, become, or something unknown.
    """
    text = script_text(command_line)
    if text is None:
        raise NotModelled(f"the shell command {command_line[:200]!r}")
    return decode_script(text, stdin)


def decode_script(text: str, stdin: bytes) -> Payload:
    """What PowerShell text with this input is; psrp sends the text itself. Raises as `decode`."""
    text = script_text(text) or text
    if not stdin:
        return RawScript(text)
    bootstrap, _separator, rest = stdin.partition(_SEPARATOR)
    manifest, _separator, data = rest.partition(_SEPARATOR)
    first = _json_object(bootstrap)
    if first is None:
        raise NotModelled(
            "the payload format of ansible-core before 2.19"
            if b"\0\0\0\0" in stdin
            else "raw PowerShell that reads standard input"
        )
    second = _json_object(manifest)
    if (
        not {"name", "script", "params"} <= first.keys()
        or second is None
        or not {"scripts", "actions"} <= second.keys()
    ):
        raise NotModelled(f"a payload with the keys {sorted(first)} and {sorted(second or {})}")
    return _action(second, data)


def _json_object(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _action(manifest: dict[str, Any], data: bytes) -> Payload:
    actions = manifest["actions"]
    names = [action["name"] for action in actions]
    if len(actions) != 1:
        raise NotModelled(f"the chain of wrappers {' -> '.join(names)} (async, become or coverage)")
    name, parameters = names[0], actions[0]["params"]
    if name != "module_wrapper.ps1":
        return HelperScript(name, parameters, data)
    return _module(parameters, manifest["scripts"])


def _module(parameters: dict[str, Any], scripts: dict[str, dict[str, str]]) -> ModuleCall:
    script = parameters["Script"]
    if not parameters.get("ForModule"):
        raise NotModelled(f"the script {script} (action plugin script)")
    variables = {variable["Name"]: variable["Value"] for variable in parameters.get("Variables", [])}
    given = variables.get("complex_args", {})
    prefix = "_ansible_"
    match = _COLLECTION_MODULE.fullmatch(script)
    return ModuleCall(
        fqcn=f"{match[1]}.{match[2]}" if match else script.removesuffix(".ps1"),
        arguments={key: value for key, value in given.items() if not key.startswith(prefix)},
        internal={key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)},
        source=base64.b64decode(scripts[script]["script"]),
        scripts={
            script_name: base64.b64decode(info["script"]).decode("utf-8-sig", "replace")
            for script_name, info in scripts.items()
        },
        environment=parameters.get("Environment") or {},
    )
