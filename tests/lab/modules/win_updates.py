"""ansible.windows.win_updates: started, polled and ended by its action plugin, which is the real one.

On Windows a process of its own searches and installs, and each poll reads from its pipe what it has to tell. Here a
generator stands for the process: a poll lets it go on.
"""

from __future__ import annotations

import dataclasses
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

from lab.errors import NotModelled
from lab.host import windows_updates
from lab.host.interface import Host
from lab.host.windows_updates import Update
from lab.modules.emulation import Emulation, ModuleFailure

Progress = dict[str, Any]

_CATEGORIES = {
    "CriticalUpdates": "Critical Updates",
    "DefinitionUpdates": "Definition Updates",
    "DeveloperKits": "Developer Kits",
    "FeaturePacks": "Feature Packs",
    "SecurityUpdates": "Security Updates",
    "ServicePacks": "Service Packs",
    "UpdateRollups": "Update Rollups",
}
_SUCCEEDED, _FAILED = 2, 4  # OperationResultCode of the Windows Update Agent
_PIPE_SECONDS = 1.0  # the real module waits as long for more, and for ever for the first line
_NOT_MODELLED = {"log_path": (None,), "server_selection": ("default",)}


@dataclasses.dataclass
class _Process:
    """What searches and installs on a node; a restart ends it."""

    boot_time: float
    steps: Iterator[Progress | None]


_processes: dict[str, _Process] = {}


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    return _OPERATIONS[parameters["_operation"]](host, parameters, check_mode)


def _start(host: Host, parameters: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    for name, modelled in _NOT_MODELLED.items():
        if parameters[name] not in modelled:
            raise NotModelled(f"win_updates with {name}={parameters[name]!r}")
    if (parameters["_operation_options"] or {}).get("wait"):
        raise NotModelled("win_updates as an asynchronous task")
    task = str(uuid.uuid4())
    pipe = f"Ansible.Windows.WinUpdates-{task}"
    _processes[pipe] = _Process(host.boot_time(), _work(host, parameters, check_mode))
    return {
        "cancel_options": {"cancel_id": f"Global\\{pipe}", "task_pid": 4 * (1000 + len(_processes))},
        "poll_options": {"pipe_name": pipe},
    }


def _poll(host: Host, parameters: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    process = _processes.get(parameters["_operation_options"]["pipe_name"])
    if process is None or process.boot_time != host.boot_time():
        raise ModuleFailure("Timed out waiting for server pipe to be available")
    output = []
    for progress in process.steps:
        if progress is None:
            break
        output.append(progress)
    return {"output": output}


def _cancel(_host: Host, parameters: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    _processes.pop(str(parameters["_operation_options"]["cancel_id"]).removeprefix("Global\\"), None)
    return {}


_OPERATIONS = {"start": _start, "poll": _poll, "cancel": _cancel}


def _work(host: Host, parameters: dict[str, Any], check_mode: bool) -> Iterator[Progress | None]:
    """What the process tells, one by one; None while it has nothing to tell."""
    offered = windows_updates.offered(host)
    filtered = {update.id: _reasons(update, parameters) for update in offered}
    chosen = [update for update in offered if not filtered[update.id]]
    restart = windows_updates.restart_required(host)
    yield _told(
        "search_result",
        updates=[_described(update) for update in offered],
        filtered=[{"id": update, "reasons": reasons} for update, reasons in filtered.items() if reasons],
    )
    if check_mode or parameters["state"] == "searched" or not chosen:
        yield _exit(bool(chosen) and parameters["state"] != "searched", restart)
        return
    if restart:
        yield _exit(False, restart, "A reboot is required before more updates can be installed")
        return
    to_download = [update for update in chosen if not update.is_downloaded]
    windows_updates.offer(host, *(dataclasses.replace(update, is_downloaded=True) for update in to_download))
    if to_download:
        yield _told("download_result", info=[_ended(update, 0) for update in to_download])
    if parameters["state"] == "downloaded":
        yield _exit(bool(to_download), restart)
        return
    yield from _patience(sum(update.seconds for update in chosen))
    yield from _installed(host, chosen)


def _patience(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _PIPE_SECONDS))
        yield None


def _installed(host: Host, chosen: list[Update]) -> Iterator[Progress]:
    for update in chosen:
        if not update.failure:
            windows_updates.install(host, update)
    told = [{**_ended(one, one.failure), "reboot_required": one.restarts and not one.failure} for one in chosen]
    yield _told("install_result", info=told)
    failed = "Failed to install all updates - see updates for more information"
    restart = windows_updates.restart_required(host)
    yield _exit(True, restart, failed if any(update.failure for update in chosen) else None)


def _reasons(update: Update, parameters: dict[str, Any]) -> list[str]:
    """Why an update is left out. The source matches title and articles as one text."""
    text = f"{update.title}KB{update.kb}"
    categories = [_CATEGORIES.get(name, name).lower() for name in parameters["category_names"] or []]
    found = {category.lower() for category in update.categories}
    reasons = {
        "accept_list": parameters["accept_list"] and not _matches(text, parameters["accept_list"]),
        "reject_list": parameters["reject_list"] and _matches(text, parameters["reject_list"]),
        "hidden": update.is_hidden,
        "category_names": categories and "*" not in categories and not found.intersection(categories),
        "skip_optional": parameters["skip_optional"] and update.is_optional,
    }
    return [name for name, applies in reasons.items() if applies]


def _matches(text: str, patterns: list[str]) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)


def _described(update: Update) -> dict[str, Any]:
    return {
        "id": update.id,
        "title": update.title,
        "kb": [f"KB{update.kb}"],
        "categories": list(update.categories),
        "browse_only": update.is_optional,
        "is_installed": False,
        "is_hidden": update.is_hidden,
        "is_downloaded": update.is_downloaded,
    }


def _ended(update: Update, hresult: int) -> dict[str, Any]:
    return {"id": update.id, "result_code": _FAILED if hresult else _SUCCEEDED, "hresult": hresult}


def _told(task: str, **result: Any) -> Progress:
    return {"task": task, "result": result}


def _exit(changed: bool, restart: bool, failure: str | None = None) -> Progress:
    exception = {"message": failure, "exception": failure} if failure else None
    return _told("exit", changed=changed, failed=bool(failure), reboot_required=restart, exception=exception)


EMULATION = Emulation(_run)
