# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One report from the results of many nodes: plain data that JSON, JUnit, the terminal and the page all show.

``build(results, expected) -> dict``; a result is what the role ``check`` keeps of one node:
``{name, check, actual, node, ready, reasons}``, where check is a ``job_object_check`` result, actual a
``job_object_info`` result, and node, ready and reasons come from ``node_info`` (all three may be missing).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

SCHEMA = 1
WHOLE_MACHINE = 10000
JOB_PREFIX = "JobContainer_"
# As many digits as crictl shows.
SHORT_ID = 13
SEVERITIES = ("error", "warning", "info")
# What a reason of node_info is called, by its severity.
TITLES = {
    "error": "Node is not ready for HostProcess containers",
    "warning": "Node is ready, with a reservation",
}
# The worst first: so nodes are ordered, and so the fleet's verdict is the first that occurs.
VERDICTS = ("finding", "unchecked", "undetermined", "ok")


def build(
    results: Iterable[Mapping[str, Any]],
    expected: Iterable[str] = (),
    generated: str = "",
    kubernetes: str = "",
    accepted: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the report of a fleet.

    Args:
        results: one mapping for each node that was checked.
        expected: names of all nodes that should have been; those without a result are reported as unchecked.
        generated: when, as text.
        kubernetes: the cluster's version, if known.
        accepted: codes of findings that this fleet lives with, each with the reason; they are listed apart and change
            no verdict.
    """
    accepted = accepted or {}
    by_name = {result["name"]: result for result in results}
    names = sorted({*by_name, *expected})
    nodes = [_node(by_name[name], accepted) if name in by_name else _unchecked(name) for name in names]
    nodes.sort(key=lambda node: (VERDICTS.index(node["verdict"]), node["name"]))
    for number, node in enumerate(nodes, start=1):
        _anchor(node, f"node-{number}")
    findings = sorted(
        (finding for node in nodes for finding in node["findings"]),
        key=lambda finding: (SEVERITIES.index(finding["severity"]), finding["code"], finding["node"]),
    )
    return {
        "schema": SCHEMA,
        "generated": generated,
        "kubernetes_version": kubernetes,
        "summary": _summary(nodes, findings),
        "findings": findings,
        "accepted": [finding for node in nodes for finding in node["accepted"]],
        "rows": [row for node in nodes for row in node["rows"]],
        "nodes": nodes,
    }


def _anchor(node: dict[str, Any], anchor: str) -> None:
    """Give a node, and its findings, a name to jump to: node names themselves are no safe fragment."""
    node["anchor"] = anchor
    for finding in node["findings"]:
        finding["anchor"] = anchor


def _summary(nodes: list[dict[str, Any]], findings: list[dict[str, Any]]) -> dict[str, Any]:
    verdicts = Counter(node["verdict"] for node in nodes)
    severities = Counter(finding["severity"] for finding in findings)
    containers = sum(node["containers"] for node in nodes)
    return {
        "headline": _headline(nodes, verdicts, sum(node["trouble"] for node in nodes), containers),
        "verdict": next((verdict for verdict in VERDICTS if verdicts[verdict]), "ok"),
        "nodes": len(nodes),
        **{f"nodes_{verdict}": verdicts[verdict] for verdict in VERDICTS},
        "containers": containers,
        "job_objects": sum(node["job_objects"] for node in nodes),
        "processes": sum(node["processes"] for node in nodes),
        "findings": {severity: severities[severity] for severity in SEVERITIES},
    }


def _headline(nodes: list[dict[str, Any]], verdicts: Mapping[str, int], trouble: int, containers: int) -> str:
    """Return what a reader wants to know first, in one sentence."""
    if not nodes:
        return "No node was checked."
    if trouble:
        return f"{_count(trouble, 'finding')} on {verdicts['finding']} of {_count(len(nodes), 'node')}."
    if verdicts["unchecked"]:
        return f"{verdicts['unchecked']} of {_count(len(nodes), 'node')} could not be checked."
    if verdicts["undetermined"]:
        where = _count(verdicts["undetermined"], "node")
        return f"Nothing wrong was found, and not everything could be determined on {where}."
    if not containers:
        return f"No HostProcess container runs on {_count(len(nodes), 'node')}."
    if containers == 1:
        return "The one HostProcess container runs as declared."
    return f"All {containers} HostProcess containers run as declared."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _unchecked(name: str) -> dict[str, Any]:
    return {**_node({"name": name}, {}), "verdict": "unchecked"}


def _node(result: Mapping[str, Any], accepted_codes: Mapping[str, str]) -> dict[str, Any]:
    check, actual, facts = (result.get(part) or {} for part in ("check", "actual", "node"))
    rows = [dict(row) for row in check.get("rows") or []]
    jobs = {job["name"]: job for job in actual.get("job_objects") or []}
    every = [*(_not_ready(result["name"], reason) for reason in result.get("reasons") or [])]
    every += [dict(finding) for finding in check.get("findings") or []]
    for finding in every:
        finding["evidence_text"] = json.dumps(finding.get("evidence") or {}, indent=2, default=str, ensure_ascii=False)
    findings = [finding for finding in every if finding["code"] not in accepted_codes]
    accepted = [
        {**finding, "accepted_because": accepted_codes[finding["code"]]}
        for finding in every
        if finding["code"] in accepted_codes
    ]
    for row in rows:
        row["verdict"] = _row_verdict(row, findings, accepted)
    pods = _pods(rows, jobs, findings, actual.get("shims") or [])
    system = facts.get("os") or {}
    node = {
        "name": result["name"],
        "verdict": _verdict(rows, findings, bool(check)),
        "windows": system.get("product_name"),
        "version": system.get("version"),
        "build": system.get("build"),
        "logical_processors": actual.get("logical_processors") or facts.get("logical_processors"),
        "memory_bytes": facts.get("memory_bytes"),
        "kubelet_version": (facts.get("kubelet") or {}).get("version"),
        "containerd_version": (facts.get("containerd") or {}).get("version"),
        "ready": result.get("ready"),
        "source": actual.get("source"),
        "containers": sum(1 for row in rows if not row.get("stray")),
        "job_objects": sum(1 for job in actual.get("job_objects") or [] if _is_listed(job)),
        "processes": sum(len(job.get("processes") or []) for job in jobs.values()),
        "trouble": sum(finding["severity"] != "info" for finding in findings),
        "findings": findings,
        "accepted": accepted,
        "rows": rows,
        "pods": pods,
    }
    node["facts"] = _facts(node)
    return node


def _facts(node: Mapping[str, Any]) -> list[str]:
    """Return what is known of a node, as short texts in the order a person asks for it."""
    memory = node["memory_bytes"]
    facts = (
        node["windows"],
        node["version"] or (f"build {node['build']}" if node["build"] else None),
        _count(node["logical_processors"], "logical processor") if node["logical_processors"] else None,
        f"{memory / 2**30:.1f} GiB" if memory else None,
        f"job objects read by {node['source']}" if node["source"] else None,
    )
    return [fact for fact in facts if fact]


def _not_ready(node: str, reason: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reason of node_info in the shape of a finding."""
    return {
        "code": reason.get("code", ""),
        "title": TITLES[reason.get("severity", "error")],
        "severity": reason.get("severity", "error"),
        "node": node,
        "namespace": None,
        "pod": None,
        "container": None,
        "job": None,
        "message": reason.get("message", ""),
        "expected": None,
        "actual": None,
        "evidence": reason.get("evidence") or {},
        "fix": reason.get("fix", ""),
    }


def _verdict(rows: list[dict[str, Any]], findings: list[dict[str, Any]], checked: bool) -> str:
    if any(finding["severity"] != "info" for finding in findings):
        return "finding"
    if not checked:
        return "unchecked"
    return "undetermined" if any(row["verdict"] == "undetermined" for row in rows) else "ok"


def _row_verdict(row: Mapping[str, Any], findings: list[dict[str, Any]], accepted: list[dict[str, Any]]) -> str:
    """Return ok for a row with which nothing is wrong but what is accepted."""
    if row["verdict"] == "ok" or not any(_concerns(finding, row) for finding in accepted):
        return row["verdict"]
    return row["verdict"] if any(_concerns(finding, row) for finding in findings) else "ok"


def _is_listed(job: Mapping[str, Any]) -> bool:
    """Return whether the kernel has this job; a bundle alone is a container without one."""
    return any(witness != "bundle" for witness in job.get("found_by") or ["object_directory"])


def _pods(
    rows: list[dict[str, Any]],
    jobs: Mapping[str, Mapping[str, Any]],
    findings: list[dict[str, Any]],
    shims: Iterable[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return a node's pods with their containers, and jobs that name no pod under a pod without a name."""
    shim_by_sandbox = {shim.get("sandbox_id"): shim.get("pid") for shim in shims}
    pods: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        job = jobs.get(row.get("job_object") or "") or {}
        sandbox = (job.get("pod") or {}).get("sandbox_id")
        pod = pods.setdefault(
            (row["namespace"], row["pod"]),
            {"namespace": row["namespace"], "name": row["pod"], "sandbox_id": None, "shim_pid": None, "containers": []},
        )
        pod["sandbox_id"] = pod["sandbox_id"] or sandbox
        pod["shim_pid"] = pod["shim_pid"] or shim_by_sandbox.get(sandbox)
        pod["containers"].append(_container(row, job, findings))
    return [pods[key] for key in sorted(pods, key=lambda key: (not key[1], key))]


def _container(row: Mapping[str, Any], job: Mapping[str, Any], findings: list[dict[str, Any]]) -> dict[str, Any]:
    memory, current = dict(row["memory"]), (job.get("memory") or {})
    scale = max(filter(None, (memory["expected_bytes"], memory["actual_bytes"], current.get("peak_bytes"))), default=0)
    is_limited = bool(memory["expected_bytes"] or memory["actual_bytes"])
    return {
        "name": row["container"],
        "verdict": row["verdict"],
        "codes": sorted({finding["code"] for finding in findings if _concerns(finding, row)}),
        "image": job.get("image"),
        "job_object": row["job_object"],
        "job_short": (row["job_object"] or "").removeprefix(JOB_PREFIX)[:SHORT_ID],
        "silo": job.get("silo"),
        "limit_flags": (job.get("limits") or {}).get("flags"),
        "processes": [
            {
                **{key: process.get(key) for key in ("pid", "command_line", "user", "in_job")},
                "image": (process.get("image") or "").replace("\\", "/").rpartition("/")[2],
            }
            for process in job.get("processes") or []
        ],
        "cpu": {
            **row["cpu"],
            "expected_percent": _percent(row["cpu"]["expected_rate"], WHOLE_MACHINE),
            "actual_percent": _percent(row["cpu"]["actual_rate"], WHOLE_MACHINE),
        },
        "memory": {
            **memory,
            "current_bytes": current.get("current_bytes"),
            "peak_bytes": current.get("peak_bytes"),
            "expected_percent": _percent(memory["expected_bytes"], scale),
            "actual_percent": _percent(memory["actual_bytes"], scale),
            "peak_percent": _percent(current.get("peak_bytes"), scale) if is_limited else None,
        },
    }


def _concerns(finding: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    place = ("namespace", "pod", "container")
    if row["container"]:
        return all(finding.get(name) == row[name] for name in place)
    return bool(finding.get("job")) and finding.get("job") == row["job_object"]


def _percent(part: int | None, whole: int) -> float | None:
    return round(100 * part / whole, 2) if part is not None and whole else None
