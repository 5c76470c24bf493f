"""One playbook through every emulated module: applied, repeated, in check mode with a diff, and with bad input.

A list of (task name, module, arguments, task keywords); the tests look results up by task name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

WINDOWS = "ansible.windows."


def _task(name: str, module: str, arguments: dict[str, Any] | None = None, **keywords: Any) -> dict[str, Any]:
    return {"name": name, WINDOWS + module: arguments or {}, **keywords}


def _community(name: str, module: str, arguments: dict[str, Any], **keywords: Any) -> dict[str, Any]:
    return {"name": name, f"community.windows.{module}": arguments, **keywords}


def _fails(name: str, module: str, arguments: dict[str, Any] | None = None, **keywords: Any) -> dict[str, Any]:
    return _task(name, module, arguments, ignore_errors=True, **keywords)


def _twice(name: str, module: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Check with diff, apply, apply again."""
    return [
        _task(f"{name}: check", module, arguments, check_mode=True, diff=True),
        _task(f"{name}: apply", module, arguments, diff=True),
        _task(f"{name}: again", module, arguments),
    ]


def exercise(directory: Path, url: str) -> list[dict[str, Any]]:
    """The tasks.

    Args:
        directory: of the controller, holds ``template.j2``, ``large.bin`` and the folder ``tree``.
        url: of a web server with ``archive.tar.gz`` and ``archive.tar.gz.sha256sum``.
    """
    service = {
        "name": "agent",
        "path": r"C:\k\agent.exe --config %ProgramData%\agent.yaml",
        "display_name": "Agent",
        "description": "The agent",
        "start_mode": "auto",
        "dependencies": ["EventLog"],
        "failure_actions": [{"type": "restart", "delay": 5000}, {"type": "restart", "delay_ms": "10000"}],
        "failure_reset_period_sec": "86400",
        "failure_actions_on_non_crash_failure": "yes",
        "state": "started",
    }
    value = {"path": r"HKLM:\SOFTWARE\Kube", "name": "Count", "data": "0x10", "type": "dword"}
    download = {"url": f"{url}/archive.tar.gz", "dest": r"C:\k\archive.tar.gz", "checksum_algorithm": "sha256",
                "checksum_url": f"{url}/archive.tar.gz.sha256sum", "force": False}  # fmt: skip
    return [
        _task("ping", "win_ping"),
        _fails("bad option", "win_ping", {"dato": 1}),
        _fails("unmodelled module", "win_whoami"),
        {"name": "facts", "ansible.builtin.setup": {}},
        *_twice("folder", "win_file", {"path": r"C:\k", "state": "directory"}),
        _fails("bad choice, legacy", "win_file", {"path": r"C:\k", "state": "folder"}),
        *_twice("content", "win_copy", {"content": "hello\n", "dest": r"C:\k\hello.txt"}),
        *_twice("program", "win_copy", {"content": "MZ", "dest": r"C:\k\agent.exe"}),
        *_twice("large file", "win_copy", {"src": str(directory / "large.bin"), "dest": "C:\\k\\"}),
        *_twice("tree", "win_copy", {"src": str(directory / "tree"), "dest": "C:\\k\\"}),
        *_twice("remote copy", "win_copy", {"src": r"C:\k\tree", "dest": r"C:\copy", "remote_src": True}),
        *_twice("template", "win_template", {"src": str(directory / "template.j2"), "dest": r"C:\k\template.txt"}),
        _task("stat", "win_stat", {"path": r"C:\K\HELLO.txt", "checksum_algorithm": "sha256"}),
        _task("stat of nothing", "win_stat", {"path": r"C:\k\missing"}),
        _task("slurp", "slurp", {"src": r"C:\k\template.txt"}),
        _fails("slurp of nothing", "slurp", {"src": r"C:\k\missing"}),
        {"name": "fetch",
         "ansible.builtin.fetch": {"src": r"C:\k\large.bin", "dest": f"{directory}/got/", "flat": True}},
        *_twice("service", "win_service", service),
        _task("service changed", "win_service", {"name": "agent", "start_mode": "delayed"}, diff=True),
        _task("service restarted", "win_service", {"name": "agent", "state": "restarted"}),
        _task("service info", "win_service_info", {"name": "agent"}),
        _fails("service missing", "win_service", {"name": "nothing", "state": "started"}),
        _fails("service bad choice", "win_service", {"name": "agent", "start_mode": "sometimes"}),
        _fails("service bad suboption", "win_service", {"name": "agent", "failure_actions": [{"kind": "restart"}]}),
        _fails("service not modelled", "win_service", {"name": "agent", "sid_info": "restricted"}),
        _task("service gone", "win_service", {"name": "agent", "state": "absent"}),
        *_twice("registry", "win_regedit", value),
        _task("registry removed", "win_regedit", {"path": value["path"], "state": "absent"}, diff=True),
        *_twice("path", "win_path", {"elements": [r"%ProgramFiles%\containerd"]}),
        *_twice("environment", "win_environment", {"level": "machine", "name": "NODE", "value": "win"}),
        _fails("environment without name", "win_environment", {"level": "machine"}),
        *_twice("feature", "win_feature", {"name": "Containers"}),
        _fails("feature unknown", "win_feature", {"name": "Container"}),
        _task("optional feature", "win_optional_feature", {"name": "Containers"}),
        *_twice("updates", "win_updates", {"category_names": ["SecurityUpdates"], "reject_list": ["preview"]}),
        _task("updates searched", "win_updates", {"category_names": ["*"], "state": "searched"}),
        _fails("updates logged", "win_updates", {"log_path": r"C:\k\updates.log"}),
        _community("power plan", "win_power_plan", {"name": "high performance"}),
        _community("power plan again", "win_power_plan", {"guid": "8C5E7FDA-e8bf-4a96-9a85-a6e23a8c635c"}),
        _community("power plan unknown", "win_power_plan", {"name": "fast"}, ignore_errors=True),
        *_twice("download", "win_get_url", download),
        _fails("download of nothing", "win_get_url", {"url": f"{url}/nothing", "dest": r"C:\k\nothing"}),
        _fails("download corrupt", "win_get_url",
               {**download, "checksum_url": None, "checksum": "00", "dest": r"C:\k\x"}),
        _task("unpack", "win_command", {"argv": ["tar.exe", "-xf", r"C:\k\archive.tar.gz", "-C", r"C:\k"],
                                        "creates": r"C:\k\bin\containerd.exe"}),
        _task("unpack again", "win_command", {"cmd": r"tar.exe -xf C:\k\archive.tar.gz -C C:\k",
                                              "creates": r"C:\k\bin\containerd.exe"}),
        _fails("unknown program", "win_command", {"cmd": "net.exe user"}),
        _task("reboot", "win_reboot", {"pre_reboot_delay": 2, "connect_timeout": 5, "reboot_timeout": 60}),
        _task("ping after", "win_ping"),
        *_twice("cleaned", "win_file", {"path": r"C:\k", "state": "absent"}),
    ]  # fmt: skip
