# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Thousands of pods at once, and what it takes a module to read them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from integration.workload.support import run_playbook
from kubernetes import client

WORKERS = 16
# Stands in for Python: runs it, and notes the largest resident set (getrusage(2): kilobytes) and the time.
INTERPRETER = """\
#!{python}
import json, resource, subprocess, sys, time
began = time.monotonic()
code = subprocess.run([{python!r}, *sys.argv[1:]]).returncode
used = {{
    "peak_kilobytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
    "seconds": time.monotonic() - began,
}}
with open({record!r}, "a") as file:
    file.write(json.dumps(used) + "\\n")
sys.exit(code)
"""


@dataclass(frozen=True)
class Measured:
    """What a task returned, and what its module's process took, as ansible-playbook ran it."""

    result: dict
    peak_kilobytes: int
    seconds: float


def pod(name: str, labels: dict[str, str], hostprocess: bool) -> dict:
    """A pod that nobody schedules, so that only the API server knows of it; of the size of a real one."""
    options = {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\Local service"}}
    container = {
        "name": "agent",
        "image": "registry.example/team/agent:1.4.2",
        "command": ["$env:CONTAINER_SANDBOX_MOUNT_POINT/agent.exe", "--log-level=info"],
        "env": [{"name": f"SETTING_{number}", "value": "a value of some length"} for number in range(10)],
        "resources": {"limits": {"cpu": "200m", "memory": "128Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "schedulerName": "nobody",
            "hostNetwork": hostprocess,
            "securityContext": options if hostprocess else {},
            "containers": [container],
            "nodeSelector": {"kubernetes.io/os": "windows"},
        },
    }


def create_pods(api: client.ApiClient, namespace: str, pods: Iterable[dict]) -> None:
    url = f"{api.configuration.host}/api/v1/namespaces/{namespace}/pods"
    headers = {"Content-Type": "application/json"}

    def create(one: dict) -> None:
        answer = api.call_api("POST", url, header_params=dict(headers), body=one)
        answer.read()
        assert answer.status == 201, answer.data

    with ThreadPoolExecutor(WORKERS) as pool:
        for _created in pool.map(create, pods):
            pass


def measure(directory: Path, task: dict, core: str | None = None) -> Measured:
    """Run one task by ansible-playbook on this machine."""
    python, record = sys.executable, directory / "usage.jsonl"
    interpreter = directory / "measured-python"
    interpreter.write_text(INTERPRETER.format(python=python, record=str(record)))
    interpreter.chmod(0o755)
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [task]}
    (result,) = run_playbook(core, directory, [play], "-e", f"ansible_python_interpreter={interpreter}")
    assert not result["failed"], result
    used = json.loads(record.read_text().splitlines()[-1])
    return Measured(result, used["peak_kilobytes"], used["seconds"])
