"""The comparison of check mode with the run, and the callback that writes down both."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml

SHARED = Path(__file__).resolve().parents[2] / "extensions" / "molecule" / "shared"


def load(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


changes = load(SHARED / "filter_plugins" / "changes.py")


def change(task: str, host: str = "a", item: str | None = None) -> dict[str, str | None]:
    return {"host": host, "task": task, "item": item}


def test_what_was_foretold_and_came_agrees() -> None:
    outcome = changes.compare_changes([change("copy"), change("run")], [change("run"), change("copy")], {})
    assert outcome == {"agreed": [change("copy"), change("run")], "explained": [], "unexplained": []}


def test_a_change_that_was_not_foretold_is_unexplained() -> None:
    outcome = changes.compare_changes([], [change("copy")], {})
    assert outcome["unexplained"] == [{**change("copy"), "only_in": "run"}]


def test_a_change_that_was_foretold_and_did_not_come_is_unexplained() -> None:
    outcome = changes.compare_changes([change("copy")], [], None)
    assert outcome["unexplained"] == [{**change("copy"), "only_in": "check"}]


def test_a_reason_explains_its_task_only() -> None:
    outcome = changes.compare_changes([], [change("copy"), change("run")], {"copy": "no folder"})
    assert outcome["explained"] == [{**change("copy"), "only_in": "run", "reason": "no folder"}]
    assert [one["task"] for one in outcome["unexplained"]] == ["run"]


def test_hosts_and_items_are_told_apart() -> None:
    outcome = changes.compare_changes(
        [change("copy", "a"), change("make", item="x")], [change("copy", "b"), change("make", item="y")], {}
    )
    assert outcome["agreed"] == []
    assert len(outcome["unexplained"]) == 4


@pytest.fixture
def run(tmp_path: Path):
    """Run tasks on localhost with the callback; returns what it wrote."""

    def play(tasks: list[dict], *extra: str) -> list[dict]:
        playbook = tmp_path / "converge.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
        environment = {
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(SHARED / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "changed_tasks",
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "CHANGED_TASKS_DIRECTORY": str(tmp_path / "changes"),
        }
        command = ["ansible-playbook", str(playbook), *extra]
        subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=True, timeout=120)
        mode = "check" if "--check" in extra else "run"
        return json.loads((tmp_path / "changes" / f"converge.{mode}.json").read_text())

    return play


def test_the_callback_names_changed_tasks_and_items_in_both_modes(run, tmp_path: Path) -> None:
    tasks = [
        {"name": "Look", "ansible.builtin.stat": {"path": "/"}},
        {"name": "Make one", "ansible.builtin.file": {"path": str(tmp_path / "one"), "state": "directory"}},
        {
            "name": "Make more",
            "ansible.builtin.file": {"path": str(tmp_path / "{{ item }}"), "state": "directory"},
            "loop": ["one", "two"],
        },
    ]
    expected = [
        {"host": "localhost", "task": "Make more", "item": "two"},
        {"host": "localhost", "task": "Make one", "item": None},
    ]
    # In check mode nothing was made, so both items are foretold.
    foretold = run(tasks, "--check")
    assert foretold == [{"host": "localhost", "task": "Make more", "item": "one"}, *expected]
    assert run(tasks) == expected
    assert run(tasks) == []
