"""Which modules a node knows: FQCN to emulation, each pinned to the sources that it was checked against."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lab.errors import HostError, NotModelled
from lab.host.interface import Host
from lab.modules import own
from lab.modules.coercion import Coercion, LegacyCoercion
from lab.modules.documentation import Documentation, Options
from lab.modules.emulation import Emulation, ModuleFailure, ModuleSkipped
from lab.wire.payload import ModuleCall

# Emulated modules by collection; each has a file of its name beside this one that holds EMULATION.
EMULATED = {
    "ansible.windows": (
        "setup", "slurp", "win_command", "win_copy", "win_environment", "win_feature", "win_file", "win_get_url",
        "win_optional_feature", "win_path", "win_ping", "win_regedit", "win_service", "win_service_info", "win_stat",
        "win_updates",
    ),
    "community.windows": ("win_firewall_rule", "win_pagefile", "win_power_plan"),
}  # fmt: skip
PINS = Path(__file__).with_name("pins.json")
_SECRET = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def emulated_names() -> Iterable[str]:
    """The FQCN of every emulated stock module."""
    return (f"{collection}.{name}" for collection, names in EMULATED.items() for name in names)


class ModuleTable:
    """The modules of a node.

    Args:
        collections: ``ansible_collections`` folders whose documentation is believed; default: the installed ones.
        pins: FQCN to {sha256 of the source: release}; default: the file beside this one.
    """

    def __init__(
        self, collections: Sequence[Path] | None = None, pins: dict[str, dict[str, str]] | None = None
    ) -> None:
        self._documentation = Documentation(collections)
        self._pins = pins if pins is not None else json.loads(PINS.read_text())
        self._emulations = {fqcn: _emulation(fqcn) for fqcn in emulated_names()}

    def run(self, host: Host, call: ModuleCall) -> dict[str, Any]:
        """Run a module; a failure of the module is a result with ``failed``.

        Raises:
            NotModelled: the module, its source, or what it was asked to do is unknown here.
        """
        if call.environment:
            raise NotModelled(f"{call.fqcn} with the environment {sorted(call.environment)}")
        sha256 = hashlib.sha256(call.source).hexdigest()
        emulation = own.emulation(call) or self._pinned(call.fqcn, sha256)
        options = self._options(call.fqcn, sha256, emulation)
        try:
            result = self._result(host, call, emulation, options)
        except (ModuleFailure, ModuleSkipped) as ended:
            result = ended.result
        except HostError as exc:
            result = {"changed": False, "failed": True, "msg": f"Unhandled exception while executing module: {exc}"}
        if call.internal.get("inject_invocation", True):
            result.setdefault("invocation", {"module_args": _masked(call.arguments, options)})
        return result

    def _pinned(self, fqcn: str, sha256: str) -> Emulation:
        emulation = self._emulations.get(fqcn)
        if emulation is None:
            raise NotModelled(f"module {fqcn}")
        if sha256 not in self._pins.get(fqcn, {}):
            raise NotModelled(f"{fqcn} changed (sha256 {sha256}): emulation not checked against it,")
        return emulation

    def _options(self, fqcn: str, sha256: str, emulation: Emulation) -> Options:
        documented = self._documentation.options(fqcn, sha256)
        return {name: option for name, option in documented.items() if name not in emulation.not_options} | {
            name: dict(option) for name, option in emulation.undocumented.items()
        }

    def _result(self, host: Host, call: ModuleCall, emulation: Emulation, options: Options) -> dict[str, Any]:
        name = str(call.internal.get("module_name", call.fqcn))
        # The parser is the source's own choice, and may change between releases.
        legacy = b"Ansible.ModuleUtils.Legacy" in call.source
        reader = (LegacyCoercion if legacy else Coercion)(host, name, emulation)
        parameters = reader.parameters(options, call.arguments, call.check_mode)
        result = {"changed": False} | emulation.run(host, parameters, call.check_mode, call.diff)
        if not call.diff:
            result.pop("diff", None)
        return result


def _emulation(fqcn: str) -> Emulation:
    return importlib.import_module(f"lab.modules.{fqcn.rsplit('.', 1)[-1]}").EMULATION


def _masked(arguments: dict[str, Any], options: Options) -> dict[str, Any]:
    """The arguments as a result may show them: secrets by documentation's no_log are masked."""
    secret = {name for name, option in options.items() if option.get("no_log")} | {"password", "url_password"}
    return {name: _SECRET if name in secret and value else value for name, value in arguments.items()}
