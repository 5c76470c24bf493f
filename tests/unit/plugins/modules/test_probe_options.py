# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One set of options, written three times: documentation, PowerShell and action. They have to agree."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PLUGINS = Path(__file__).resolve().parents[4] / "plugins"
PROBES = ["node_info", "job_object_info"]
# One option a line in these modules: name = @{ key = value; key = value }
OPTION = re.compile(r"^        (\w+) = @\{ (.+) \}$", re.MULTILINE)


def documented(module: str) -> dict[str, dict[str, Any]]:
    document = yaml.safe_load((PLUGINS / "modules" / f"{module}.yml").read_text())["DOCUMENTATION"]
    rows = document["options"].items()
    return {name: {key: value for key, value in row.items() if key != "description"} for name, row in rows}


def in_powershell(module: str) -> dict[str, dict[str, Any]]:
    text = (PLUGINS / "modules" / f"{module}.ps1").read_text()
    options = OPTION.findall(text)
    return {name: dict(_pair(pair) for pair in body.split("; ")) for name, body in options}


def _pair(text: str) -> tuple[str, Any]:
    key, value = text.split(" = ")
    words = {"@()": [], "$true": True, "$false": False}
    if value in words:
        return key, words[value]
    if value.isdigit():
        return key, int(value)
    texts = re.findall(r"'([^']*)'", value)
    return key, texts if key == "choices" else texts[0]


def in_action(module: str) -> dict[str, dict[str, Any]]:
    found = importlib.import_module(f"ansible_collections.kubewin.hostprocess.plugins.action.{module}")
    return found.ARGUMENT_SPEC


@pytest.mark.parametrize("module", PROBES)
def test_powershell_takes_what_is_documented(module: str) -> None:
    assert in_powershell(module) == documented(module)


@pytest.mark.parametrize("module", PROBES)
def test_the_action_takes_what_is_documented(module: str) -> None:
    assert in_action(module) == documented(module)


@pytest.mark.parametrize(("module", "utility"), [("node_info", "NodeProbe"), ("job_object_info", "JobObject")])
def test_the_module_asks_for_its_utility_and_calls_it(module: str, utility: str) -> None:
    text = (PLUGINS / "modules" / f"{module}.ps1").read_text()
    namespace = f"ansible_collections.kubewin.hostprocess.plugins.module_utils.{utility}"
    source = (PLUGINS / "module_utils" / f"{utility}.cs").read_text()
    assert f"#AnsibleRequires -CSharpUtil {namespace}\n" in text
    assert f"\nnamespace {namespace}\n" in source
    (entry,) = re.findall(rf"\[{re.escape(namespace)}\.(\w+)\]::Collect\(\$options\)", text)
    assert f"public static class {entry}\n" in source


@pytest.mark.parametrize("module", PROBES)
def test_the_module_is_text_that_windows_powershell_reads_rightly(module: str) -> None:
    # Without a byte order mark Windows PowerShell 5.1 reads a script in the system's code page.
    (PLUGINS / "modules" / f"{module}.ps1").read_bytes().decode("ascii")


@pytest.mark.parametrize("utility", ["JobObject", "NodeProbe"])
def test_the_utility_is_ascii(utility: str) -> None:
    (PLUGINS / "module_utils" / f"{utility}.cs").read_bytes().decode("ascii")
