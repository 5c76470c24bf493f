"""`make demo`: from three bare Windows nodes to job objects that are proved to be as declared."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo.playbook import ROOT, PlaybookRun, run_playbook
from demo.summary import executions, summary, write_json
from lab import build
from lab.errors import LabError
from lab.laboratory import Laboratory, NodeSpec, terminated_by_sigterm

NODES = (NodeSpec("win2019", 17763), NodeSpec("win2022", 20348), NodeSpec("win2025", 26100))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "demo", help="where the report goes")
    options = parser.parse_args()
    try:
        with terminated_by_sigterm():
            return demo(options.output.absolute())
    except LabError as error:
        print(f"\nThe demo stopped: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was interrupted; everything that it started is stopped.", file=sys.stderr)
        return 130


def demo(output: Path) -> int:
    output.mkdir(parents=True, exist_ok=True)
    for stale in ("report.html", "report.json", "report.xml", "summary.json"):
        (output / stale).unlink(missing_ok=True)
    build.ensure_all()
    with Laboratory(output / "lab", NODES) as lab:
        runs = [site(lab, output, name) for name in ("first", "second")]
        if gone := lab.ended_by_themselves():
            raise LabError(
                f"These nodes ended by themselves: {', '.join(gone)}. Run the demo again and keep its output."
            )
        result = summary(lab, output / "report.json", *runs)
    if (output / "report.json").exists():
        write_json(output / "summary.json", result)
    return tell(output, result, *(run for run, _ in runs))


def site(lab: Laboratory, output: Path, name: str) -> tuple[PlaybookRun, list[dict[str, object]]]:
    """One run of playbooks/site.yml, with the module executions that the nodes counted while it ran."""
    print(f"\n=== ansible-playbook site.yml, {name} run\n", flush=True)
    before = {node: len(one.winrm.executions) for node, one in lab.nodes.items()}
    run = run_playbook(
        "site",
        lab.inventory,
        work=output / f"{name}-run",
        kubeconfig=lab.kubeconfig,
        extra=["-e", f"check_report_directory={output}"],
    )
    moments = {
        node: [record["started"] for record in one.winrm.executions[before[node] :]] for node, one in lab.nodes.items()
    }
    return run, executions(run, moments)


def tell(output: Path, result: dict[str, object], first: PlaybookRun, second: PlaybookRun) -> int:
    """The outcome in words; 0 when every promise was kept."""
    broken = [
        text
        for kept, text in (
            (first.exit_code == 0, f"the first run ended with {first.exit_code}"),
            (second.exit_code == 0, f"the second run ended with {second.exit_code}"),
            (second.changed == 0, f"the second run changed {second.changed} things"),
            (result["findings"] == 0, f"there are {result['findings']} findings"),
            (result["nodes_ready"] == len(NODES), f"{result['nodes_ready']} of {len(NODES)} nodes are Ready"),
            (result["job_objects"] == result["hostprocess_containers"] > 0, "containers and job objects differ"),
        )
        if not kept
    ]
    print(
        f"\n{result['nodes_ready']} nodes ready, {result['hostprocess_containers']} HostProcess containers, "
        f"{result['job_objects']} job objects, {result['findings']} findings."
        f"\nfirst run: {result['first_run_seconds']} s, {result['first_run_changed']} changed, "
        f"{result['first_run_module_executions']} module executions on the nodes"
        f"\nsecond run: {result['second_run_seconds']} s, {result['second_run_changed']} changed, "
        f"{result['second_run_module_executions']} module executions on the nodes"
        f"\nLook at {output / 'report.html'}; the numbers are in {output / 'summary.json'}."
    )
    for text in broken:
        print(f"NOT AS PROMISED: {text}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
