# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`make differential`: many generated objects, judged by the rules and by API servers of several versions.

DIFFERENTIAL_KUBERNETES names the versions (each is built when it isn't yet, about ten minutes), LAB_KUBECONFIG one
cluster instead. build/differential/summary.json gets the numbers; an object on which the judges differ is made small
and kept in tests/differential/cases.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from differential import cases, pod_security
from differential.generate import generate
from differential.judges import ApiServerJudge, Disagreement, disagreements, judged_by_rules, still_disagree
from differential.strategies import workloads
from lab.cluster import open_cluster
from lab.errors import LabError

SUMMARY = Path(__file__).resolve().parents[2] / "build" / "differential" / "summary.json"
VERSIONS = "1.37.2 1.36.3 1.34.4 1.31.0"  # of 1.31.14 the registry serves only a part
BATCH = 500
KEPT_EACH_BATCH = 5  # one fault makes many of them


def main() -> int:
    parser = argparse.ArgumentParser(prog="differential", description=__doc__)
    parser.add_argument("--cases", type=int, default=6000, help="objects for each version")
    parser.add_argument("--pod-security-cases", type=int, default=2000, help="objects for PodSecurity, each version")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    versions = os.environ.get("DIFFERENTIAL_KUBERNETES", VERSIONS).split()
    runs: list[dict] = []
    for version in versions:
        try:
            runs.append(run(None if os.environ.get("LAB_KUBECONFIG") else version, options))
        except LabError as error:
            print(f"{version} was not tried: {error}", file=sys.stderr, flush=True)
            runs.append({"kubernetes_version": version, "error": str(error)})
        write(runs)
    differing = sum(made.get("disagreements", 0) + made.get("pod_security_disagreements", 0) for made in runs)
    print(f"{sum(made.get('cases', 0) for made in runs)} cases, {differing} disagreements; numbers in {SUMMARY}")
    return 1 if differing or any("error" in made for made in runs) else 0


def write(runs: list[dict]) -> None:
    """Write what is known so far, so that a later version's trouble doesn't lose it."""
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(json.dumps({"runs": runs}, indent=2) + "\n")


def run(version: str | None, options: argparse.Namespace) -> dict:
    """Judge all objects with one API server; return the numbers."""
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="differential-") as directory,
        open_cluster(Path(directory), version) as cluster,
        ApiServerJudge(cluster.kubeconfig) as api_server,
    ):
        judged = refused = differing = 0
        for seed in range(options.seed, options.seed + -(-options.cases // BATCH)):
            made = generate(workloads, BATCH, seed)
            found = disagreements(made, api_server)
            judged += len(made)
            refused += sum(bool(judged_by_rules(each, api_server.version).causes) for each in made)
            differing += len(found)
            for each in found[:KEPT_EACH_BATCH]:
                show(each.rules, each.api_server, cases.keep(smallest(each, api_server)))
            print(f"{api_server.version}: {judged} judged, {differing} disagreements", flush=True)
        security = pod_security.disagreements(api_server, options.pod_security_cases, options.seed)
        for each in security:
            show(each.rules, each.api_server, json.dumps([each.labels, each.definition]))
        return {
            "kubernetes_version": api_server.version,
            "seed": options.seed,
            "cases": judged,
            "refused": refused,
            "disagreements": differing,
            "pod_security_cases": options.pod_security_cases,
            "pod_security_disagreements": len(security),
            "seconds": round(time.monotonic() - started),
        }


def smallest(found: Disagreement, api_server: ApiServerJudge) -> dict:
    """The part of an object on which the judges differ."""
    return cases.shrink(found.definition, lambda smaller: still_disagree(smaller, api_server, found))


def show(ours: object, theirs: object, place: object) -> None:
    print(f"rules:      {ours}\nAPI server: {theirs}\nkept:       {place}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
