"""How long the job object probe takes: python -m wine.bench [jobs [processes in each]]

Prints one JSON line for each size: seconds of one probe, without the start of .NET, and per job.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from wine.machine import Machine, running_machine


def measure(machine: Machine, jobs: int, processes: int) -> dict[str, float | int]:
    """The seconds of one probe over so many jobs, less those over none."""
    empty = _seconds(machine)[0]
    with machine.jobs() as maker:
        for number in range(jobs):
            maker.tell("create", f"JobContainer_{number:064x}", "2000")
            maker.tell("start", f"JobContainer_{number:064x}", str(processes))
        seconds, result = _seconds(machine)
    found = sum(len(job["processes"]) for job in result["job_objects"])
    return {
        "jobs": len(result["job_objects"]),
        "processes": found,
        "seconds_of_module": round(seconds, 3),
        "seconds_of_probe": round(seconds - empty, 3),
        "milliseconds_per_job": round(1000 * (seconds - empty) / jobs, 3),
        "handles_opened": result["statistics"]["handles_opened"],
    }


def _seconds(machine: Machine) -> tuple[float, dict]:
    """The best of three: other work on the machine only adds."""
    runs = []
    for _run in range(3):
        began = time.perf_counter()
        result = machine.job_objects()
        runs.append((time.perf_counter() - began, result))
    return min(runs, key=lambda run: run[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=int, nargs="*", default=[50, 250], help="numbers of job objects")
    parser.add_argument("--processes", type=int, default=4, help="processes in each")
    chosen = parser.parse_args()
    for jobs in chosen.jobs:
        with (
            tempfile.TemporaryDirectory() as directory,
            running_machine(Path(directory) / "m", fill_gaps=True) as machine,
        ):
            print(json.dumps(measure(machine, jobs, chosen.processes)), flush=True)


if __name__ == "__main__":
    main()
