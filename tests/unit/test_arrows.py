# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may import whom: the house's arrows, and that nothing that ships knows the laboratory."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
OURS = "ansible_collections.kubewin.hostprocess.plugins."

# A room of module_utils, and the rooms that it may import besides itself.
ARROWS = {
    "rules": set(),
    "support": set(),
    "cluster": {"rules"},
    "wsman": set(),
    "report": set(),
    "job": {"rules", "support"},
    "node": {"rules", "support"},
    "manifest": {"rules", "support"},
}


def imported(path: Path) -> set[str]:
    """Full names that a file imports, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(f"relative:{path}")
    return names


def rooms_imported(path: Path) -> set[str]:
    prefix = f"{OURS}module_utils."
    return {name.removeprefix(prefix).split(".")[0] for name in imported(path) if name.startswith(prefix)}


def test_every_room_has_its_arrows():
    assert {path.name for path in (PLUGINS / "module_utils").iterdir() if path.is_dir()} - {"__pycache__"} == set(
        ARROWS
    )


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_only_where_its_arrows_lead(room):
    for path in (PLUGINS / "module_utils" / room).rglob("*.py"):
        assert rooms_imported(path) <= ARROWS[room] | {room}, path


def test_module_utils_import_nothing_of_the_plugins_above_them():
    for path in (PLUGINS / "module_utils").rglob("*.py"):
        above = {name for name in imported(path) if name.startswith(OURS) and ".module_utils." not in name}
        assert not above, path


@pytest.mark.parametrize("library", ["winrm", "pypsrp"])
def test_ws_management_knows_no_transport_library(library):
    for path in (PLUGINS / "module_utils" / "wsman").rglob("*.py"):
        assert not {name for name in imported(path) if name.split(".")[0] == library}, path


def test_nothing_that_ships_knows_the_laboratory():
    words = re.compile(r"\blab\b|laborator|SIMULATOR|\bWine\b", re.IGNORECASE)
    for folder in ("plugins", "roles", "playbooks"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix in (".py", ".yml", ".j2", ".ps1", ".cs", ".toml"):
                assert not words.search(path.read_text(encoding="utf-8")), path
