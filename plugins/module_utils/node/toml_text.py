# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TOML as a person would write it.

* ``item(value)``      a TOML item: Windows paths in single quotes, no headers for empty levels
* ``write(tree)``      a whole new file, in the tree's order
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

try:
    import tomlkit

    HAS_TOMLKIT = True
except ImportError:
    HAS_TOMLKIT = False

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError


def require_tomlkit(what: str) -> None:
    if not HAS_TOMLKIT:
        raise ConfigurationError(f"{what} needs the Python library tomlkit on the controller: pip install tomlkit")


def item(value: Any) -> Any:
    """Make a TOML item of plain data."""
    if isinstance(value, dict):
        table = tomlkit.table(is_super_table=bool(value) and all(isinstance(v, dict) for v in value.values()))
        for key, inner in value.items():
            if inner is not None:
                table.append(key, item(inner))
        return table
    if isinstance(value, list) and value and all(isinstance(inner, dict) for inner in value):
        tables = tomlkit.aot()
        for inner in value:
            tables.append(item(inner))
        return tables
    if isinstance(value, list):
        array = tomlkit.array()
        for inner in value:
            array.append(item(inner))
        return array
    if isinstance(value, str) and "\\" in value and "'" not in value and value.isprintable():
        return tomlkit.string(value, literal=True)
    return tomlkit.item(value)


def write(tree: Mapping) -> str:
    """Write a file. A key after a table would belong to the table, so plain values come first at every level."""
    require_tomlkit("writing TOML")
    document = tomlkit.document()
    for key, value in _plain_values_first(tree).items():
        document.append(key, item(value))
    return tomlkit.dumps(document)


def _plain_values_first(tree: Mapping) -> dict:
    inner = {key: _plain_values_first(value) if isinstance(value, dict) else value for key, value in tree.items()}
    return dict(sorted(((k, v) for k, v in inner.items() if v is not None), key=lambda pair: isinstance(pair[1], dict)))
