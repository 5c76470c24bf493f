"""Option types: from what the controller sent to what a module gets.

Conversions, their order and their error texts are those of Ansible.Basic.cs (ansible-core 2.19 to 2.21).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from lab.host import paths
from lab.host.interface import Host
from lab.modules.documentation import Options
from lab.modules.emulation import Emulation, ModuleFailure, ModuleSkipped

_TRUE = ("y", "yes", "on", "1", "true", "t", "1.0")
_FALSE = ("n", "no", "off", "0", "false", "f", "0.0")
_DOTNET = {
    str: "System.String",
    bool: "System.Boolean",
    int: "System.Int32",
    float: "System.Double",
    list: "System.Object[]",
    dict: "System.Collections.Generic.Dictionary`2[System.String,System.Object]",
}


def to_string(value: Any) -> str:
    """ParseStr: .NET's ToString."""
    return str(value) if not isinstance(value, bool) else ("True" if value else "False")


def to_bool(value: Any) -> bool:
    """ParseBool."""
    if isinstance(value, bool):
        return value
    text = to_string(value).lower().strip()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ValueError(f"The value '{text}' is not a valid boolean. Valid booleans include: {', '.join(_TRUE + _FALSE)}")


def to_int(value: Any) -> int:
    """ParseInt: 32 bits, decimal."""
    text = to_string(value).strip()
    if not re.fullmatch(r"[+-]?\d+", text):
        raise ValueError("Input string was not in a correct format.")
    if not -(2**31) <= int(text) < 2**31:
        raise ValueError("Value was either too large or too small for an Int32.")
    return int(text)


def to_uint32(value: Any) -> int:
    """[UInt32]: what win_service takes for its periods."""
    text = to_string(value).strip()
    if not re.fullmatch(r"\d+", text) or int(text) >= 2**32:
        raise ValueError(f'Cannot convert value "{text}" to type "System.UInt32".')
    return int(text)


def to_float(value: Any) -> float:
    """ParseFloat."""
    try:
        return float(to_string(value))
    except ValueError:
        raise ValueError("Input string was not in a correct format.") from None


def to_list(value: Any) -> list[Any]:
    """ParseList: a string is split at commas."""
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    raise ValueError(f"{_DOTNET.get(type(value), 'System.Object')} cannot be converted to a list")


def to_dict(value: Any) -> dict[str, Any]:
    """ParseDict: a dict, JSON text, or key=value pairs (without quotes: those are not modelled)."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return json.loads(value)
    if isinstance(value, str) and "=" in value:
        pairs = [pair for pair in re.split(r"[, ]", value) if pair]
        return {key: text if mark else None for key, mark, text in (pair.partition("=") for pair in pairs)}
    if isinstance(value, str):
        raise ValueError("string cannot be converted to a dict, must either be a JSON string or in the key=value form")
    raise ValueError(f"{_DOTNET.get(type(value), 'System.Object')} cannot be converted to a dict")


def to_json(value: Any) -> str:
    """ParseJson."""
    return json.dumps(value) if isinstance(value, dict) else to_string(value)


def path_converter(host: Host) -> Callable[[Any], str]:
    """ParsePath: environment references are expanded; a path keeps its spelling."""

    def to_path(value: Any) -> str:
        text = to_string(value)
        if text.startswith("\\\\?\\"):
            return text
        text = paths.expand(host, text)
        if re.search(r'[<>|"\x00-\x1f]', text):
            raise ValueError("string value contains invalid path characters, cannot convert to path")
        return text

    return to_path


class Coercion:
    """Reads one module's arguments as Ansible.Basic's AnsibleModule does.

    Args:
        name: the module's name as messages write it.
    """

    def __init__(self, host: Host, name: str, emulation: Emulation) -> None:
        self._name = name
        self._emulation = emulation
        self._converters: dict[str, Callable[[Any], Any]] = {
            "bool": to_bool,
            "dict": to_dict,
            "float": to_float,
            "int": to_int,
            "json": to_json,
            "list": to_list,
            "path": path_converter(host),
            "raw": lambda value: value,
            "sid": to_string,
            "str": to_string,
            "uint32": to_uint32,
        }

    def parameters(self, options: Options, arguments: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
        """The module's parameters, every option present.

        Raises:
            ModuleFailure: an option is unknown, missing, of a wrong type or not among the choices.
            ModuleSkipped: check mode, and the module has none.
        """
        emulation = self._emulation
        given = self._known(options, arguments, [])
        if check_mode and not emulation.supports_check_mode:
            raise ModuleSkipped(skipped=True, msg=f"remote module ({self._name}) does not support check mode")
        for names in emulation.mutually_exclusive:
            if sum(name in given for name in names) > 1:
                raise ModuleFailure(f"parameters are mutually exclusive: {', '.join(names)}")
        converted = self._converted(options, given, [])
        self._constraints(converted)
        return self._complete(options, converted, [])

    def _known(self, options: Options, arguments: Mapping[str, Any], context: list[str]) -> dict[str, Any]:
        """Arguments under their options' own names; names and aliases are compared without case."""
        spelling = {name.lower(): name for name in options}
        legal = list(options)
        for name, option in options.items():
            legal += option.get("aliases", [])
            spelling |= {alias.lower(): name for alias in option.get("aliases", [])}
        unknown = sorted(name for name in arguments if name.lower() not in spelling)
        if unknown and not self._emulation.ignores_unknown:
            what = _found(f"Unsupported parameters for ({self._name}) module: {', '.join(unknown)}", context)
            raise ModuleFailure(f"{what}. Supported parameters include: {', '.join(sorted(legal))}")
        return {
            spelling[name.lower()]: value
            for name, value in arguments.items()
            if name.lower() in spelling and value is not None
        }

    def _converted(self, options: Options, given: dict[str, Any], context: list[str]) -> dict[str, Any]:
        defaults = {name: option["default"] for name, option in options.items() if option.get("default") is not None}
        values = defaults | given
        missing = [name for name, option in options.items() if option.get("required") and name not in values]
        if missing:
            raise ModuleFailure(_found(f"missing required arguments: {', '.join(missing)}", context))
        for name, option in options.items():
            if name in values:
                values[name] = self._convert(name, option, values[name], context)
        return values

    def _convert(self, name: str, option: Mapping[str, Any], value: Any, context: list[str]) -> Any:
        wanted = option.get("type", "str")
        try:
            converted = self._converters[wanted](value)
        except ValueError as exc:
            sent = _DOTNET.get(type(value), "System.Object")
            what = f"argument for {name} is of type {sent} and we were unable to convert to {wanted}: {exc}"
            raise ModuleFailure(_found(what, context)) from exc
        choices = [to_string(choice) for choice in option.get("choices", [])]
        if choices:
            values = [to_string(entry) for entry in converted] if wanted == "list" else [to_string(converted)]
            wrong = [entry for entry in values if entry.lower() not in [choice.lower() for choice in choices]]
            how = "one or more of" if wanted == "list" else "one of"
            if wrong:
                what = f"value of {name} must be {how}: {', '.join(choices)}. Got no match for: {', '.join(wrong)}"
                raise ModuleFailure(_found(what, context))
        return converted

    def _constraints(self, values: dict[str, Any]) -> None:
        emulation = self._emulation
        for names in emulation.required_one_of:
            if not any(name in values for name in names):
                raise ModuleFailure(f"one of the following is required: {', '.join(names)}")
        for key, wanted, names in emulation.required_if:
            missing = [name for name in names if name not in values]
            if key in values and to_string(values[key]) == to_string(wanted) and missing:
                raise ModuleFailure(f"{key} is {wanted} but all of the following are missing: {', '.join(missing)}")
        for key, names in emulation.required_by.items():
            missing = [name for name in names if name not in values]
            if key in values and missing:
                raise ModuleFailure(f"missing parameter(s) required by '{key}': {', '.join(missing)}")

    def _complete(self, options: Options, values: dict[str, Any], context: list[str]) -> dict[str, Any]:
        """Every option present, elements and suboptions converted."""
        return {name: self._elements(name, option, values.get(name), context) for name, option in options.items()}

    def _elements(self, name: str, option: Mapping[str, Any], value: Any, context: list[str]) -> Any:
        kind, elements, suboptions = option.get("type", "str"), option.get("elements"), option.get("suboptions")
        if value is None:
            return None
        if kind == "dict" and suboptions:
            return self._sub(suboptions, value, [*context, name])
        if kind != "list" or elements is None:
            return value
        if elements == "dict" and suboptions:
            return [self._sub(suboptions, to_dict(element), [*context, name]) for element in value]
        return [self._convert_element(name, elements, element, context) for element in value]

    def _convert_element(self, name: str, wanted: str, value: Any, context: list[str]) -> Any:
        try:
            return self._converters[wanted](value)
        except ValueError as exc:
            sent = _DOTNET.get(type(value), "System.Object")
            what = f"argument for list entry {name} is of type {sent} and we were unable to convert to {wanted}: {exc}"
            raise ModuleFailure(_found(what, context)) from exc

    def _sub(self, options: Options, value: dict[str, Any], context: list[str]) -> dict[str, Any]:
        known = self._known(options, value, context)
        return self._complete(options, self._converted(options, known, context), context)


def _found(message: str, context: list[str]) -> str:
    return f"{message} found in {' -> '.join(context)}" if context else message


class LegacyCoercion(Coercion):
    """Reads arguments as Ansible.ModuleUtils.Legacy's Get-AnsibleParam does, one by one; unknown ones are ignored."""

    def parameters(self, options: Options, arguments: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
        """The module's parameters, every option present.

        Raises:
            ModuleFailure: an option is missing or not among the choices.
        """
        lower = {name.lower(): value for name, value in arguments.items()}
        return {name: self._parameter(name, option, lower) for name, option in options.items()}

    def _parameter(self, name: str, option: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:
        found = next((key for key in (name, *option.get("aliases", [])) if key.lower() in arguments), None)
        if found is None:
            if option.get("required"):
                raise ModuleFailure(f"Get-AnsibleParam: Missing required argument: {name}")
            value = option.get("default")
        else:
            value = arguments[found.lower()]
            choices = [to_string(choice) for choice in option.get("choices", [])]
            if choices and to_string(value).lower() not in [choice.lower() for choice in choices]:
                raise ModuleFailure(
                    f"Get-AnsibleParam: Argument {found} needs to be one of {','.join(choices)} but was {value}."
                )
        if value is None:
            return None
        try:
            return self._converters[option.get("type", "str")](value)
        except ValueError as exc:
            raise ModuleFailure(f"Get-AnsibleParam: {exc}") from exc
