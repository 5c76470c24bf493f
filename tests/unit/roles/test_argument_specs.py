# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A role's argument_specs, its defaults and its README say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROLES = sorted(path for path in (Path(__file__).resolve().parents[3] / "roles").iterdir() if path.is_dir())


def options(role: Path) -> dict:
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return {name: option for entry in specs.values() for name, option in entry.get("options", {}).items()}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_default_is_documented_as_it_is(role):
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text()) or {}
    documented = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert documented == defaults


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_option_is_in_the_readme(role):
    text = (role / "README.md").read_text()
    assert [name for name in options(role) if f"`{name}`" not in text] == []
