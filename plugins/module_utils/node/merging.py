# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plain data laid over plain data, for the configuration files of containerd and the kubelet.

* ``plain(value, where)``        a copy in Python's own types
* ``overlay(base, wanted)``      maps merged, every other value replaced, None removes
* ``same(left, right)``          equality that tells true from 1
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import ConfigurationError


def plain(value: Any, where: str) -> Any:
    """Return plain Python data; Ansible's tagged types are subclasses that TOML's and YAML's writers refuse.

    Raises:
        ConfigurationError: a value, named by ``where``, that neither format has.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(inner, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner, f"{where}[{index}]") for index, inner in enumerate(value)]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if value is None and not where.endswith("]"):
        return None
    raise ConfigurationError(f"{where} is {value!r}, which a configuration file can't hold.")


def overlay(base: dict, wanted: dict, keep_null: bool = False) -> dict:
    """Return base with wanted merged over it. None removes a key, or stays where the result is merged once more."""
    result = dict(base)
    for key, value in wanted.items():
        if value is None and not keep_null:
            result.pop(key, None)
        elif isinstance(value, dict):
            under = result.get(key)
            result[key] = overlay(under if isinstance(under, dict) else {}, value, keep_null)
        else:
            result[key] = value
    return result


def same(left: Any, right: Any) -> bool:
    """Tell whether two values are equal, and true is not 1 nor 1 equal to 1.0."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right
