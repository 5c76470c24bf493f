"""What a module's RETURN section promises, held against what a probe returned."""

from __future__ import annotations

from typing import Any

import yaml
from wine.machine import COLLECTION

TYPES = {
    "str": str,
    "int": int,
    "bool": bool,
    "dict": dict,
    "list": list,
}


def returns(module: str) -> dict[str, Any]:
    return yaml.safe_load((COLLECTION / "plugins" / "modules" / f"{module}.yml").read_text())["RETURN"]


def differences(documented: dict[str, Any], actual: dict[str, Any], path: str = "") -> list[str]:
    """Keys that only one side has, and values of another type; null is always allowed."""
    promised = {key for key, row in documented.items() if row["returned"] in ("always", "success")}
    found = [f"{path}{key} is returned and not documented" for key in actual.keys() - documented.keys()]
    found += [f"{path}{key} is documented and not returned" for key in promised - actual.keys()]
    for key in documented.keys() & actual.keys():
        found += _difference(documented[key], actual[key], f"{path}{key}")
    return found


def _difference(documented: dict[str, Any], value: Any, path: str) -> list[str]:
    if value is None:
        return []
    wanted = TYPES[documented["type"]]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        return [f"{path} is a {type(value).__name__} and not a {documented['type']}"]
    if isinstance(value, list):
        items = [({"type": documented["elements"], **_contains(documented)}, item) for item in value]
        return [
            text for number, (row, item) in enumerate(items) for text in _difference(row, item, f"{path}[{number}]")
        ]
    if isinstance(value, dict) and "contains" in documented:
        return differences(documented["contains"], value, f"{path}.")
    return []


def _contains(documented: dict[str, Any]) -> dict[str, Any]:
    return {"contains": documented["contains"]} if "contains" in documented else {}
