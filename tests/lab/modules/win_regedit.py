"""ansible.windows.win_regedit."""

from __future__ import annotations

import re
from typing import Any

from lab.errors import NotModelled
from lab.host.interface import Host, RegistryValue
from lab.modules.emulation import Emulation, ModuleFailure

_KINDS = {
    "none": "None", "binary": "Binary", "dword": "DWord", "expandstring": "ExpandString",
    "multistring": "MultiString", "string": "String", "qword": "QWord",
}  # fmt: skip


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    path, name, kind = parameters["path"], parameters["name"], parameters["type"].lower()
    result: dict[str, Any] = {"data_changed": False, "data_type_changed": False, "diff": {"before": "", "after": ""}}
    if name is None and kind != "string":
        kind = "string"
        result["warnings"] = [
            "the data type when name is not specified can only be 'string', the type has automatically been converted"
        ]
    if not re.match(r"^HK(CC|CR|CU|LM|U):\\", path, re.I):
        raise ModuleFailure(f"path: {path} is not a valid powershell path, see module documentation for examples.")
    if parameters["hive"]:
        raise NotModelled("win_regedit with hive")
    if parameters["state"] == "absent":
        return result | _absent(host, path, name or "", parameters["delete_key"], check_mode)
    data = _data(parameters["data"], kind, name)
    return result | _present(host, path, name or "", None if data is None else RegistryValue(kind, data), check_mode)


def _data(data: Any, kind: str, name: str | None) -> Any:
    """The option's value as the registry keeps it; None where only the key is wanted."""
    if kind in ("binary", "none"):
        return _bytes(data)
    if kind in ("dword", "qword"):
        return _number(data or 0, kind)
    if kind == "multistring":
        return [] if data is None else [str(entry) for entry in (data if isinstance(data, list) else [data])]
    return ("" if name else None) if data is None else str(data)


def _bytes(data: Any) -> bytes:
    if data is None:
        return b""
    if isinstance(data, list):
        return bytes(int(entry) for entry in data)
    if isinstance(data, int):
        if data > 255:
            raise ModuleFailure(
                f"cannot convert binary data '{data}' to byte array, please specify this value as a yaml byte array or "
                "a comma separated hex value string"
            )
        return bytes([data])
    text = re.sub(r"[^a-f0-9,:]", "", data.lower().removeprefix("hex:"))
    parts = [part for part in re.split(r"[,:]+", text) if part]
    return bytes(int(part, 16) for part in parts) if len(parts) > 1 else bytes.fromhex(text)


def _number(data: Any, kind: str) -> int:
    if isinstance(data, float) and data % 1:
        raise ModuleFailure(
            f"data '{data}' cannot be a decimal or float value with a remainder when type is dword or qword"
        )
    number = int(data, 0) if isinstance(data, str) else int(data)
    bits = 32 if kind == "dword" else 64
    if number >= 2**bits:
        raise ModuleFailure(f"data cannot be larger than 0x{'f' * (bits // 4)} when type is {kind}")
    return number % 2**bits  # the registry keeps the bits; a negative number is its two's complement


def _shown(value: RegistryValue) -> dict[str, Any]:
    shown = value.data
    if value.type in ("binary", "none"):
        shown = [f"0x{byte:02x}" for byte in value.data]
    elif value.type in ("dword", "qword"):
        shown = f"0x{value.data:0{8 if value.type == 'dword' else 16}x}"
    return {"type": _KINDS[value.type], "value": shown}


def _value(host: Host, path: str, name: str) -> RegistryValue | None:
    found = {key.lower(): value for key, value in host.registry_values(path).items()}
    return found.get(name.lower())


def _present(host: Host, path: str, name: str, wanted: RegistryValue | None, check_mode: bool) -> dict[str, Any]:
    before: dict[str, Any] = {path: {}}
    after: dict[str, Any] = {path: {}}
    result: dict[str, Any] = {"changed": False, "diff": {"before": before, "after": after}}
    if not host.registry_key_exists(path):
        before.clear()
        result["changed"] = True
        if check_mode:
            return result
        host.registry_create_key(path)
    if wanted is None:
        return result
    existing = _value(host, path, name)
    if existing is not None:
        before[path] = {name: _shown(existing)}
        result["data_type_changed"] = existing.type != wanted.type
        result["data_changed"] = existing.data != wanted.data
    after[path] = {name: _shown(wanted)}
    if existing == wanted:
        return result
    if not check_mode:
        host.registry_set(path, name, wanted)
    return result | {"changed": True}


def _absent(host: Host, path: str, name: str, delete_key: bool, check_mode: bool) -> dict[str, Any]:
    if not host.registry_key_exists(path):
        return {"changed": False}
    if delete_key and not name:
        if not check_mode:
            host.registry_delete(path)
        return {"changed": True, "diff": {"before": {path: {}}, "after": {}}}
    existing = _value(host, path, name)
    if existing is None:
        return {"changed": False}
    if not check_mode:
        host.registry_delete(path, name)
    return {"changed": True, "diff": {"before": {path: {name: _shown(existing)}}, "after": {path: {}}}}


EMULATION = Emulation(_run)
