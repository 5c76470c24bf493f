# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The role's report entry, run by stock ansible-playbook on outcomes that a play would have left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

ROLE = Path(__file__).resolve().parents[4] / "roles" / "check"
PLAYBOOK = """
- name: Leave an outcome behind, as the role's main entry does
  hosts: windows
  gather_facts: false
  tasks:
    - name: Compare
      kubewin.hostprocess.job_object_check:
        declared: "{{ declared }}"
        actual: "{{ actual }}"
        node: {bindfltapi: false, containerd: {version: 2.2.9}}
        fail_on: never
      register: outcome
      when: inventory_hostname != 'absent'
    - name: Keep
      ansible.builtin.set_fact:
        check_result: {name: "{{ inventory_hostname }}", check: "{{ outcome }}", actual: "{{ actual }}", node: {},
                       ready: true, reasons: [], kubernetes_version: 1.36.3}
      when: inventory_hostname != 'absent'

- name: Report
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Write
      ansible.builtin.include_role:
        name: kubewin.hostprocess.check
        tasks_from: report
"""


def host(rate: int, name: str, command_line: str = "agent.exe") -> dict:
    return {
        "declared": [
            {
                "namespace": "logging",
                "pod": "agent",
                "container": "agent",
                "node": name,
                "state": "running",
                "container_id": "ab" * 32,
                "limits": {"cpu": "500m", "memory": None},
            }
        ],
        "actual": {
            "source": "win32",
            "logical_processors": 4,
            "job_objects": [
                {
                    "name": "JobContainer_" + "ab" * 32,
                    "container_id": "ab" * 32,
                    "processes": [{"pid": 1, "session_id": 0, "image": "agent.exe", "command_line": command_line}],
                    "limits": {"flags": 0x2000},
                    "cpu_rate": {"control_flags": 5, "rate": rate},
                    "silo": False,
                }
            ],
        },
    }


@pytest.fixture
def report(tmp_path):
    """Return a function that runs the report for hosts and returns (exit code, output, folder)."""

    def run(hosts: dict, *options: str, **variables):
        inventory = {"windows": {"hosts": hosts}}
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
        (tmp_path / "play.yml").write_text(PLAYBOOK)
        folder = tmp_path / "out"
        extra = json.dumps({"check_report_directory": str(folder), **variables})
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "inventory.yml", "-e", extra, *options]
        environment = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            [*command, "play.yml"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180
        )
        return done.returncode, done.stdout + done.stderr, folder

    return run


def test_a_good_fleet_gets_its_files_and_succeeds_without_a_change(report):
    code, output, folder = report({"win1": host(1250, "win1"), "win2": host(1250, "win2")})
    assert code == 0, output
    data = json.loads((folder / "report.json").read_text())
    assert data["summary"]["headline"] == "All 2 HostProcess containers run as declared."
    assert data["kubernetes_version"] == "1.36.3"
    assert ElementTree.parse(folder / "report.xml").getroot().get("failures") == "0"
    assert "All 2 HostProcess containers run as declared." in (folder / "report.html").read_text()
    assert "changed=0" in output.split("PLAY RECAP")[1].split("localhost")[1]
    assert "500m -> 12.50 %" in output


def test_findings_fail_the_play_after_the_files_are_written(report):
    code, output, folder = report({"win1": host(5000, "win1"), "absent": {}})
    assert code != 0
    assert "HPJ001" in output
    data = json.loads((folder / "report.json").read_text())
    assert (data["summary"]["nodes_finding"], data["summary"]["nodes_unchecked"]) == (1, 1)


def test_never_reports_and_succeeds_in_check_mode_too(report):
    code, output, folder = report({"win1": host(5000, "win1")}, "--check", check_fail_on="never")
    assert code == 0, output
    assert "HPJ001" in (folder / "report.html").read_text()


def test_a_template_in_a_command_line_of_the_node_is_text(report, tmp_path):
    code, output, folder = report({"win1": host(1250, "win1", command_line="{% raw %}{{ 7 * 7 }}<b>{% endraw %}")})
    assert code == 0, output
    assert "{{ 7 * 7 }}&lt;b&gt;" in (folder / "report.html").read_text()
