# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command that runs once on each node: on which nodes it can run, and what became of it there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def node_task_choice(found: Iterable[Mapping] | None, wanted: Sequence[str] = ()) -> dict:
    """The nodes to run on, and those on which nothing can run now.

    Args:
        found: the cluster's Windows nodes, as the API server returns them; None when they can't be read.
        wanted: names of nodes; all that were found when empty.

    Returns:
        nodes (names, in order) and unable (name -> why).
    """
    known = {node["metadata"]["name"]: node for node in found or ()}
    names = list(wanted) or sorted(known)
    unable = {} if found is None else {name: why for name in names if (why := _unable(known.get(name)))}
    return {"nodes": [name for name in names if name not in unable], "unable": unable}


def node_task_outcomes(choice: Mapping, containers: Iterable[Mapping], run: str) -> dict:
    """What became of the command on each node of a choice.

    Args:
        choice: what `node_task_choice` returned.
        containers: what workload_info returned of the run's pods.
        run: beginning of the pods' names; a hyphen and the node's name follow.

    Returns:
        node -> succeeded (bool), exit_code (int or None), output (str), state, reason (empty where it succeeded).
    """
    rows = {row["pod"]: row for row in containers}
    outcomes = {node: _outcome(rows.get(f"{run}-{node}")) for node in choice["nodes"]}
    return {**outcomes, **{node: _failed("not run", why) for node, why in choice["unable"].items()}}


def _unable(node: Mapping | None) -> str | None:
    if node is None:
        return "there is no Windows node of this name"
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = next((one for one in conditions if one.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return None
    return f"the node is not ready: {ready.get('message') or 'it has not reported yet'}"


def _outcome(row: Mapping | None) -> dict:
    if row is None:
        return _failed("unknown", "its pod is not there any more")
    said = {"exit_code": row["exit_code"], "output": row.get("output") or "", "state": row["state"]}
    if row["pod_phase"] == "Succeeded":
        return {"succeeded": True, **said, "reason": ""}
    return {"succeeded": False, **said, "reason": row["trouble"] or "it has not ended in time"}


def _failed(state: str, reason: str) -> dict:
    return {"succeeded": False, "exit_code": None, "output": "", "state": state, "reason": reason}
