"""Payloads that the installed ansible-core itself makes, told apart by structure."""

from __future__ import annotations

import base64
import json
import subprocess

import pytest
from lab_tests.wire_support import CORES, core_or_skip

from lab.errors import NotModelled
from lab.wire.payload import HelperScript, ModuleCall, RawScript, decode, script_text

# Runs under the core's own Python: prints the command line and stdin of each kind of payload, in base64.
_MAKE = r"""
import base64, inspect, json, sys
from ansible.executor.powershell import module_manifest as manifest

folder = sys.argv[1]
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader([folder])
name = "ansible_collections.ansible.windows.plugins.modules.win_service"
path = f"{folder}/ansible_collections/ansible/windows/plugins/modules/win_service.ps1"

def wrapper(**changes):
    values = dict(
        name=name, module_data=open(path, "rb").read(), module_path=path,
        module_args={"name": "kubelet", "_ansible_check_mode": True, "_ansible_diff": False,
                     "_ansible_module_name": "ansible.windows.win_service"},
        environment={}, async_timeout=0, become_plugin=None, substyle="powershell", task_vars={}, profile="legacy",
        pwsh_interpreter=None,
    )
    values.update(changes)
    known = inspect.signature(manifest._create_powershell_wrapper).parameters
    return manifest._create_powershell_wrapper(**{key: value for key, value in values.items() if key in known})

boot, helper = manifest._bootstrap_powershell_script("powershell_mkdtemp.ps1", {"Directory": "%TEMP%", "Name": "a"})
_boot, put = manifest._bootstrap_powershell_script("winrm_put_file.ps1", {"Path": "C:\\a"}, has_input=True)
print(json.dumps({
    "bootstrap": boot,
    "module": base64.b64encode(wrapper()).decode(),
    "async": base64.b64encode(wrapper(async_timeout=5, environment={"ANSIBLE_ASYNC_DIR": "C:\\async"})).decode(),
    "helper": base64.b64encode(helper).decode(),
    "put": base64.b64encode(put + base64.b64encode(b"content") + b"\r\n").decode(),
}))
"""


def _powershell(text: str) -> str:
    encoded = base64.b64encode(text.encode("utf-16-le")).decode()
    return f"PowerShell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -EncodedCommand {encoded}"


@pytest.fixture(scope="module", params=CORES)
def made(request):
    folder = core_or_skip(request.param)
    python = folder / "venv" / "bin" / "python"
    done = subprocess.run(
        [python, "-c", _MAKE, str(folder / "collections")], capture_output=True, text=True, timeout=60, check=True
    )
    payloads = json.loads(done.stdout)
    line = _powershell(payloads.pop("bootstrap"))
    return line, {name: base64.b64decode(text) for name, text in payloads.items()}


def test_a_module_call_names_its_module_and_brings_its_source(made):
    line, payloads = made
    call = decode(line, payloads["module"])
    assert isinstance(call, ModuleCall)
    assert call.fqcn == "ansible.windows.win_service"
    assert call.arguments == {"name": "kubelet"}
    assert (call.check_mode, call.diff) == (True, False)
    assert call.source.startswith(b"#!powershell")
    assert any(name.endswith("SCManager.cs") for name in call.scripts)


def test_a_command_that_is_wrapped_twice_is_the_same_command(made):
    line, payloads = made
    assert decode(_powershell(line), payloads["module"]) == decode(line, payloads["module"])


def test_a_helper_script_has_its_parameters_and_data(made):
    line, payloads = made
    assert decode(line, payloads["helper"]) == HelperScript(
        "powershell_mkdtemp.ps1", {"Directory": "%TEMP%", "Name": "a"}
    )
    put = decode(line, payloads["put"])
    assert (put.name, put.parameters, base64.b64decode(put.data)) == (
        "winrm_put_file.ps1",
        {"Path": "C:\\a"},
        b"content",
    )


def test_an_asynchronous_module_is_not_modelled(made):
    line, payloads = made
    with pytest.raises(NotModelled, match=r"async_wrapper\.ps1"):
        decode(line, payloads["async"])


def test_the_format_before_2_19_is_recognised_and_not_modelled():
    stdin = b"begin { $DebugPreference = 'x' }\n\0\0\0\0" + json.dumps({"module_entry": "", "actions": []}).encode()
    with pytest.raises(NotModelled, match=r"before 2\.19"):
        decode(_powershell("bootstrap"), stdin)


def test_a_command_without_input_is_raw_powershell():
    assert decode(_powershell("Remove-Item 'C:\\a' -Force"), b"") == RawScript("Remove-Item 'C:\\a' -Force")


@pytest.mark.parametrize("line", ["ipconfig /all", "cmd.exe /c powershell -EncodedCommand AAAA"])
def test_a_shell_command_is_not_modelled(line):
    with pytest.raises(NotModelled, match="shell command"):
        decode(line, b"")


@pytest.mark.parametrize("line", ["powershell -NoProfile -EncodedCommand A", "PowerShell -x -EncodedCommand QQ=="])
def test_a_command_that_is_no_base64_of_utf_16_is_not_modelled(line):
    with pytest.raises(NotModelled, match="base64 of UTF-16"):
        script_text(line)


def test_json_that_is_no_manifest_is_not_modelled():
    with pytest.raises(NotModelled, match="keys"):
        decode(_powershell("x"), b'{"name": 1}\n\0\0\0\0\n{"other": 2}')
