# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run plays with a stock ansible-playbook, or modules in this process, and read what each task returned."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import yaml
from ansible.module_utils.testing import patch_module_args
from kubernetes import client

ROOT = Path(__file__).resolve().parents[3]
CALLBACKS = ROOT / "tests" / "lab_tests" / "callbacks"
CORES = sorted(path.name.removeprefix("core-") for path in (ROOT / "build").glob("core-*") if (path / "venv").exists())


def run_playbook(core: str | None, directory: Path, plays: list[dict], *arguments: str) -> list[dict]:
    """Run plays and return each task's result in order, with `failed` as ansible-playbook judged it.

    Args:
        core: the ansible-core to run them with; None for the one that runs the tests.
    """
    base = ROOT / "build" / f"core-{core}" if core else None
    binaries = base / "venv" / "bin" if base else Path(sys.executable).parent
    playbook, record = directory / "playbook.yml", directory / f"record-{uuid.uuid4().hex}.jsonl"
    playbook.write_text(yaml.safe_dump(plays, sort_keys=False))
    environment = {
        **os.environ,
        **({"ANSIBLE_COLLECTIONS_PATH": str(base / "collections")} if base else {}),
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "record",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "LAB_RECORD": str(record),
    }
    for name in [name for name in environment if name.startswith("K8S_AUTH_")]:
        del environment[name]
    command = [
        binaries / "ansible-playbook",
        *("-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={binaries / 'python'}"),
        *arguments,
        playbook,
    ]
    finished = subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True, timeout=300)
    assert record.exists(), finished.stdout + finished.stderr
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    return [
        {**line["result"], "task": line["task"], "host": line["host"], "failed": line["outcome"] == "failed"}
        for line in lines
    ]


def call_module(task: dict, defaults: dict) -> dict:
    """Run a task's module in this process, as a target's Python would: a tenth of the time of a play.

    Args:
        task: FQCN of the module -> its options; `check_mode` and `diff` beside it, as in a play.
        defaults: options that the task leaves out.
    """
    ((name, options),) = ((key, value) for key, value in task.items() if "." in key)
    module = importlib.import_module(f"ansible_collections.kubewin.hostprocess.plugins.modules.{name.split('.')[-1]}")
    arguments = {
        **defaults,
        **options,
        "_ansible_check_mode": task.get("check_mode", False),
        "_ansible_diff": task.get("diff", False),
    }
    # The client library keeps the last kubeconfig as the process's default; a target's process has none.
    client.Configuration.set_default(None)
    output = io.StringIO()
    with patch_module_args(arguments), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        module.main()
    return {"failed": False, **json.loads(output.getvalue().splitlines()[-1])}
