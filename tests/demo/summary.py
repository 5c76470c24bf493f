"""build/demo/summary.json: what a demo run came to, in numbers that were counted and not assumed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.release import __version__ as ansible_core_version
from kubernetes import client

from demo.playbook import ROOT, PlaybookRun, executions_by_task

if TYPE_CHECKING:
    from lab.laboratory import Laboratory

Executions = list[dict[str, Any]]


def executions(run: PlaybookRun, moments: dict[str, list[float]]) -> Executions:
    """Module executions by node and task name; their sum is what the nodes counted."""
    return [
        {"node": node, "task": task, "executions": count}
        for node in sorted(moments)
        for task, count in executions_by_task(run.tasks, node, moments[node]).items()
    ]


def summary(
    lab: Laboratory, report: Path, first: tuple[PlaybookRun, Executions], second: tuple[PlaybookRun, Executions]
) -> dict[str, Any]:
    """Node readiness is the API server's word, job objects and findings are the report's."""
    ready = ready_nodes(lab)
    rows = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {"rows": [], "findings": []}
    jobs = {row["job_object"] for row in rows["rows"] if row["job_object"] and row["processes"]}
    by_node = {name: {row["job_object"] for row in rows["rows"] if row["node"] == name} & jobs for name in lab.nodes}
    return {
        "nodes_ready": len(ready & set(lab.nodes)),
        "hostprocess_containers": len(rows["rows"]),
        "job_objects": len(jobs),
        "findings": len(rows["findings"]),
        "first_run_seconds": round(first[0].seconds, 1),
        "first_run_changed": first[0].changed,
        "second_run_seconds": round(second[0].seconds, 1),
        "second_run_changed": second[0].changed,
        "first_run_module_executions": total(first[1]),
        "second_run_module_executions": total(second[1]),
        "module_executions": {"first_run": first[1], "second_run": second[1]},
        "kubernetes_version": lab.cluster.version if lab.cluster else "",
        "ansible_core_version": ansible_core_version,
        "git_commit": git_commit(),
        "nodes": [
            {
                "name": name,
                "kind": node.kind,
                "build": node.spec.build,
                "ready": name in ready,
                "job_objects": len(by_node[name]),
            }
            for name, node in lab.nodes.items()
        ],
    }


def ready_nodes(lab: Laboratory) -> set[str]:
    """Nodes that the API server calls Ready."""
    with lab.cluster.api() as api:
        nodes = client.CoreV1Api(api).list_node().items
    return {
        node.metadata.name
        for node in nodes
        if any(one.type == "Ready" and one.status == "True" for one in node.status.conditions or [])
    }


def total(rows: Executions) -> int:
    return sum(row["executions"] for row in rows)


def git_commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def write_json(path: Path, content: Any) -> None:
    """Whole or not at all."""
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, path)
