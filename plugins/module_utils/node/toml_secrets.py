# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TOML that may be shown: the values of keys that name a secret are hidden.

The text is searched, not parsed: a file on a node may be cut off, and a comment may hold what once was a setting.
"""

from __future__ import annotations

import re

HIDDEN = '"(hidden)"'
_STRING = r"""(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_LIST = rf"""\[(?:{_STRING}|\#[^\n]*|[^]"'#])*\]"""
# Of registry credentials in config.toml, and of headers in hosts.toml (RFC 9110, and what registries ask for).
_NAME = r"(?:[\w-]*(?:authorization|password|passwd|secret|token|cookie|api[-_]?key)[\w-]*|auth)"
_SETTING = re.compile(rf"""((?<![\w-]){_NAME}["']?[ \t]*=[ \t]*)(?:{_STRING}|{_LIST})""", re.IGNORECASE | re.DOTALL)


def without_secrets(text: str) -> str:
    """Return the text to show of a TOML file; nothing that can be read back."""
    return _SETTING.sub(rf"\g<1>{HIDDEN}", text)
