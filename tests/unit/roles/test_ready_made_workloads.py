# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ready-made manifests as the role's templates write them, and the PowerShell in them as cmd.exe will read it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.check import Settings, check
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.documents import from_text
from ansible_collections.kubewin.hostprocess.plugins.module_utils.manifest.target import make_target

ROLE = Path(__file__).resolve().parents[3] / "roles" / "workload"
SCRIPT = ROLE / "files" / "rotate_logs.ps1"
NAMES = ("csi_proxy", "kube_proxy", "log_collector", "log_rotation")
IMAGES = {f"workload_{name}_image": "registry.example/it:1" for name in NAMES}
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "set": {
        "workload_kube_proxy_restart_with_hns": True,
        "workload_log_rotation_files": ['D:\\it\'s "logged"\\a.log', "C:\\b.log"],
        "workload_log_rotation_maximum_megabytes": 2,
        "workload_log_rotation_copies": 0,
        "workload_log_rotation_interval_minutes": 3,
    },
    # As ansible-playbook -e name=value has them.
    "text": {
        "workload_log_rotation_maximum_megabytes": "2",
        "workload_log_rotation_copies": "0",
        "workload_log_rotation_interval_minutes": "3",
    },
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the role hands to the module, by case."""
    directory = tmp_path_factory.mktemp("rendered")
    (directory / "files").symlink_to(ROLE / "files")
    made = {"template": str(ROLE / "templates" / "ready_made.yaml.j2"), "workload_ready_made": list(NAMES)} | IMAGES
    content = "{{ lookup('ansible.builtin.template', template) }}"
    tasks = [
        {
            "ansible.builtin.copy": {"content": content, "dest": str(directory / f"{name}.yaml")},
            "vars": made | variables,
        }
        for name, variables in CASES.items()
    ]
    play = {"hosts": "localhost", "gather_facts": False, "vars_files": [str(ROLE / "defaults" / "main.yml")]}
    playbook = directory / "playbook.yml"
    playbook.write_text(yaml.safe_dump([play | {"tasks": tasks}]))
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", playbook]
    python = {"ANSIBLE_PYTHON_INTERPRETER": sys.executable, "ANSIBLE_LOCALHOST_WARNING": "false"}
    done = subprocess.run(command, env=os.environ | python, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: (directory / f"{name}.yaml").read_text() for name in CASES}


def objects(text: str) -> dict[tuple[str, str], dict]:
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one}


def container(text: str, name: str) -> dict:
    [only] = objects(text)["DaemonSet", name]["spec"]["template"]["spec"]["containers"]
    return only


@pytest.mark.parametrize("case", CASES)
def test_none_is_refused_or_advised_against(rendered: dict[str, str], case: str) -> None:
    settings = Settings("1.36.3", make_target("1.36.3", "2.2.9", 20348))
    findings = check(from_text(rendered[case], "ready_made.yaml"), settings)
    assert [finding for finding in findings if finding.severity in ("error", "warning")] == []


def test_kube_proxy_has_the_probe_only_when_asked(rendered: dict[str, str]) -> None:
    assert "livenessProbe" not in container(rendered["plain"], "kube-proxy-windows")
    probe = container(rendered["set"], "kube-proxy-windows")["livenessProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] <= 60
    assert probe["timeoutSeconds"] < probe["periodSeconds"]


def commands(text: str) -> list[list[str]]:
    probe = container(text, "kube-proxy-windows")["livenessProbe"]["exec"]["command"]
    return [probe, container(text, "log-rotation")["command"]]


def test_no_command_has_what_cmd_or_the_kubelet_would_read_otherwise(rendered: dict[str, str]) -> None:
    """hcsshim runs ``cmd /c`` and a command line; the kubelet expands ``$(NAME)`` and ``$$``."""
    for command in commands(rendered["set"]):
        for word in command:
            assert not re.search(r'["%^&|<>\n]|\$\(|\$\$', word), word
        assert all(" " not in word for word in command[:-1])


def test_the_probe_passes_while_the_service_is_the_same_and_fails_when_it_is_another(rendered: dict[str, str]) -> None:
    """PowerShell does not run here; this holds the order of its steps."""
    script = commands(rendered["set"])[0][-1]
    ends = re.findall(r"if \((.+?)\) \{[^}]*exit (\d) \}", script)
    assert ends == [("-not $now", "0"), ("-not (Test-Path $file)", "0"), ("(Get-Content $file) -ne $now", "1")]
    assert "{ Set-Content $file $now; exit 0 }" in script


def test_the_script_reads_the_settings_that_it_is_given(rendered: dict[str, str]) -> None:
    data = objects(rendered["set"])["ConfigMap", "log-rotation"]["data"]
    assert data["rotate_logs.ps1"].strip() == SCRIPT.read_text().strip()
    settings = json.loads(data["settings.json"])
    assert settings == {
        "files": ['D:\\it\'s "logged"\\a.log', "C:\\b.log"],
        "maximum_bytes": 2 * 1024 * 1024,
        "copies": 0,
        "interval_seconds": 180,
    }
    assert set(re.findall(r"\$settings\.(\w+)", SCRIPT.read_text())) == set(settings)


def test_figures_that_are_given_as_text_are_figures(rendered: dict[str, str]) -> None:
    settings = json.loads(objects(rendered["text"])["ConfigMap", "log-rotation"]["data"]["settings.json"])
    figures = {name: figure for name, figure in settings.items() if name != "files"}
    assert figures == {"maximum_bytes": 2 * 1024 * 1024, "copies": 0, "interval_seconds": 180}


def body(function: str) -> str:
    """A function of the script, without its comments and indentation."""
    [text] = re.findall(rf"^function {function}\(.*?\) \{{\n(.*?)^\}}", SCRIPT.read_text(), re.DOTALL | re.MULTILINE)
    return "\n".join(line.strip() for line in text.splitlines() if not line.strip().startswith("#"))


def test_a_copy_that_fails_is_removed_and_told() -> None:
    """PowerShell does not run here; this holds the order of its steps."""
    tried, caught = body("Save-Copy").split("\n} catch {\n")
    assert tried.splitlines()[1] == "try {"
    assert [step in tried for step in ("Create($unfinished)", "CopyTo($copy)", "Move-Item")] == [True] * 3
    # Windows removes no file that is open.
    assert "try { $Log.CopyTo($copy) } finally { $copy.Dispose() }" in tried
    removal, rethrown, *_ = caught.splitlines()
    assert removal.startswith("Remove-Item -LiteralPath $unfinished ")
    assert "-ErrorAction SilentlyContinue" in removal
    assert rethrown == "throw"


def test_a_log_that_could_not_be_copied_is_emptied_all_the_same() -> None:
    steps = body("Limit-Log").splitlines()
    copied = next(number for number, step in enumerate(steps) if "Save-Copy" in step)
    assert re.fullmatch(r"try \{ Save-Copy \$log \$Path \} catch \{ \$outcome = \".*lost.*\$_\" \}", steps[copied])
    assert steps[copied + 1 : copied + 4] == ["}", "$log.SetLength(0)", 'Write-Output "${Path}: $outcome"']


def test_new_settings_replace_the_pods(rendered: dict[str, str]) -> None:
    def checksum(text: str) -> str:
        template = objects(text)["DaemonSet", "log-rotation"]["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/configuration"]

    assert checksum(rendered["plain"]) != checksum(rendered["set"])


def test_containerds_log_is_rotated_where_its_role_has_it() -> None:
    containerd = yaml.safe_load((ROLE.parent / "containerd" / "defaults" / "main.yml").read_text())
    workload = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    log = containerd["containerd_log_file"].replace("{{ containerd_directory }}", containerd["containerd_directory"])
    assert workload["workload_log_rotation_files"] == [log]
