"""The laboratory's command line: ``python -m lab up|down|status|kubeconfig|inventory|fault|repair|reset|wait|build``.

Exit codes: 0 done, 1 it failed (the message says why), 2 wrong usage, 3 something that it needs is not on this
machine, 130 or 143 ended by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab import build, faults
from lab.errors import LabError, MissingTool

FAILED, MISSING, INTERRUPTED = 1, 3, 130
STOP_TIMEOUT = 60.0
DEFAULT_BUILDS = "17763,20348,26100"


def default_state() -> Path:
    return build.cache_directory() / "lab"


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m lab", description="Windows nodes and a real Kubernetes control plane on this machine."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, function: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        if name != "build":
            command.add_argument(
                "--state", type=Path, default=default_state(), help="its folder (default: %(default)s)"
            )
        return command

    up = add("up", command_up, "start a laboratory; it runs until Ctrl-C")
    up.add_argument("--nodes", type=_count, default=3, metavar="N", help="how many nodes (default: 3)")
    up.add_argument("--kind", choices=("binary", "model"), default="binary", help="kind of node (default: binary)")
    up.add_argument(
        "--builds",
        type=_builds,
        default=DEFAULT_BUILDS,
        help=f"Windows builds of the nodes in turn (default: {DEFAULT_BUILDS})",
    )
    up.add_argument(
        "--node",
        action="append",
        type=_named_node,
        dest="named",
        metavar="NAME=BUILD",
        help="a node by its name and build, in place of --nodes and --builds; may be repeated",
    )
    up.add_argument(
        "--clock",
        type=_rate,
        default=1.0,
        metavar="RATE",
        help="seconds of the laboratory's clock in one real second, for faults that take long (default: 1)",
    )
    up.add_argument("--containerd", metavar="VERSION", help="the version that the inventory asks for")
    up.add_argument("--transport", default="ntlm-https", help="how the inventory reaches nodes (default: ntlm-https)")
    up.add_argument("--no-control-plane", action="store_true", help="nodes only")
    up.add_argument("--keep", action="store_true", help="leave logs and certificates in the folder")
    up.add_argument("--detach", action="store_true", help="return once it is up; `down` ends it")

    add("down", command_down, "stop the laboratory and remove what it left")
    status = add("status", command_status, "what runs")
    status.add_argument("--json", action="store_true", help="as JSON")
    add("kubeconfig", command_path, "print the path of the kubeconfig")
    add("inventory", command_path, "print the path of the Ansible inventory")

    fault = add("fault", command_fault, "let something go wrong")
    fault.formatter_class = argparse.RawDescriptionHelpFormatter
    fault.epilog = "faults:\n" + "\n".join(f"  {name:18} {text}" for name, text in faults.FAULTS.items())
    fault.add_argument("name", choices=faults.FAULTS, metavar="NAME", help="which, see below")
    fault.add_argument("node", nargs="?", metavar="NODE", help="at which node (not for downloads)")
    fault.add_argument(
        "--target", default="", help="a part of a URL path, a path on the node, a WS-Man verb, a module or a service"
    )
    fault.add_argument("--times", type=int, default=1, help="how often; 0 for always (default: 1)")
    fault.add_argument("--after", type=int, default=0, metavar="N", help="how many go unharmed before (default: 0)")
    fault.add_argument("--seconds", type=float, default=0, metavar="S", help="how long, by the laboratory's clock")
    repair = add("repair", command_act, "let no fault wait any more")
    repair.add_argument("node", nargs="?", metavar="NODE", help="only at this node")
    reset = add("reset", command_act, "make a node bare again")
    reset.add_argument("node", metavar="NODE", help="which node")

    wait = add("wait", command_wait, "wait until every node is up")
    wait.add_argument("--timeout", type=float, default=300, metavar="S", help="real seconds (default: %(default)s)")

    make = add("build", command_build, "build what the laboratory needs, once")
    make.add_argument("products", nargs="*", metavar="PRODUCT", help="only these")
    return top


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError(f"{number} is not between 1 and 1000")
    return number


def _builds(text: str) -> list[int]:
    from lab.nodes import RELEASES

    try:
        builds = [int(word) for word in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of build numbers") from error
    if unknown := [number for number in builds if number not in RELEASES]:
        known = ", ".join(f"{number} ({release.product_name})" for number, release in RELEASES.items())
        raise argparse.ArgumentTypeError(f"unknown build {unknown[0]}; known: {known}")
    return builds


def _named_node(text: str) -> tuple[str, int]:
    name, equals, build_text = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=BUILD, for example win-a=20348")
    return name, _builds(build_text)[0]


def _rate(text: str) -> float:
    rate = float(text)
    if rate < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return rate


def node_names(builds: Sequence[int], count: int) -> list[tuple[str, int]]:
    """Names and builds in turn: win2019, win2022, win2025, win2019-2, …"""
    from lab.nodes import RELEASES

    rows: list[tuple[str, int]] = []
    for number in range(count):
        windows = builds[number % len(builds)]
        earlier = sum(1 for _, other in rows if other == windows)
        rows.append((RELEASES[windows].short_name + (f"-{earlier + 1}" if earlier else ""), windows))
    return rows


def command_up(options: argparse.Namespace) -> int:
    from lab import control

    state = control.State.read(options.state)
    if state and state.alive():
        raise LabError(f"A laboratory runs in {options.state} already (process {state.process_id}). Stop it: "
                       f"python -m lab down --state {options.state}")  # fmt: skip
    return _detach(options) if options.detach else _run(options)


def _run(options: argparse.Namespace) -> int:
    from lab.control import ControlServer, State
    from lab.laboratory import Laboratory, NodeSpec, claim, terminated_by_sigterm

    with contextlib.ExitStack() as steps:
        steps.enter_context(terminated_by_sigterm())
        end_leftovers(options.state)
        claim(options.state)
        if not options.keep:  # also when Ctrl-C comes before the laboratory takes the folder over
            steps.callback(shutil.rmtree, options.state, ignore_errors=True)
        State.of_this_process().write(options.state)
        wanted = options.named or node_names(options.builds, options.nodes)
        laboratory = Laboratory(
            options.state,
            [NodeSpec(name, windows) for name, windows in wanted],
            options.kind,
            not options.no_control_plane,
            transport=options.transport,
            keep=options.keep,
            clock=options.clock,
            **({"containerd": options.containerd} if options.containerd else {}),
        )
        lab = steps.enter_context(laboratory)
        steps.enter_context(ControlServer(lab))
        print(f"inventory:  {lab.inventory}")
        if lab.cluster:
            print(f"kubeconfig: {lab.kubeconfig}")
        print("Ctrl-C stops it.", flush=True)
        while True:
            signal.pause()


def _detach(options: argparse.Namespace) -> int:
    """Start the same command in a session of its own and wait until it is up."""
    from lab import control
    from lab.control import LOG_FILE
    from lab.laboratory import claim

    claim(options.state)
    words = [word for word in sys.argv[1:] if word != "--detach"]
    with (options.state / LOG_FILE).open("w+b") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "lab", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while child.poll() is None:
                with contextlib.suppress(LabError):
                    control.ask(options.state, "GET", "/status")
                    print(f"up, process {child.pid}. Stop it: python -m lab down --state {options.state}")
                    return 0
                time.sleep(0.2)
        except BaseException:
            child.terminate()
            child.wait()
            raise
        log.seek(0)  # the file itself went with the laboratory's folder
        print(log.read().decode(errors="replace").rstrip(), file=sys.stderr)
    return child.returncode or FAILED


def command_down(options: argparse.Namespace) -> int:
    from lab import control

    state = control.State.read(options.state)
    if state and state.alive():
        os.kill(state.process_id, signal.SIGTERM)
        deadline = time.monotonic() + STOP_TIMEOUT
        while state.alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        if state.alive():
            os.kill(state.process_id, signal.SIGKILL)
            build.say(f"process {state.process_id} did not stop in {STOP_TIMEOUT:.0f} s and was killed")
    end_leftovers(options.state)
    if control.State.read(options.state):  # it did not leave by itself
        shutil.rmtree(options.state, ignore_errors=True)
    print("down" if state else f"no laboratory runs in {options.state}")
    return 0


def end_leftovers(directory: Path) -> None:
    """End the Wine processes of a laboratory that was killed; its other processes end with it by themselves."""
    prefixes = [path for path in (directory / "nodes").glob("*") if (path / "drive_c").is_dir()]
    if not prefixes:
        return
    from lab import products
    from lab.host.wine_prefix import WinePrefix

    for prefix in prefixes:
        WinePrefix(prefix, products.WINE.require("Ending what a killed laboratory left")).stop()


def command_status(options: argparse.Namespace) -> int:
    from lab import control

    status = control.ask(options.state, "GET", "/status")
    if options.json:
        print(json.dumps(status, indent=2))
        return 0
    cluster = status["cluster"]
    print(f"cluster    {cluster['url']} Kubernetes {cluster['version']}" if cluster else "cluster    none")
    print(f"artifacts  {status['artifacts']}")
    for node in status["nodes"]:
        state = "up" if node["up"] else "down"
        print(f"{node['name']:10} {node['kind']} build {node['build']} {node['address']} {state}, "
              f"{node['module_executions']} module executions")  # fmt: skip
    return 0


def command_path(options: argparse.Namespace) -> int:
    from lab import control

    path = control.ask(options.state, "GET", "/status")[options.command]
    if path is None:
        raise LabError("This laboratory was started without a control plane, so there is no kubeconfig.")
    print(path)
    return 0


def command_fault(options: argparse.Namespace) -> int:
    from lab import control

    asked = {
        "name": options.name,
        "node": options.node,
        "target": options.target,
        "times": options.times or None,
        "after": options.after,
        "seconds": options.seconds,
    }
    print(control.ask(options.state, "POST", "/do/fault", asked)["done"])
    return 0


def command_act(options: argparse.Namespace) -> int:
    from lab import control

    print(control.ask(options.state, "POST", f"/do/{options.command}", {"node": options.node})["done"])
    return 0


def command_wait(options: argparse.Namespace) -> int:
    from lab import control

    deadline = time.monotonic() + options.timeout
    while down := [one["name"] for one in control.ask(options.state, "GET", "/status")["nodes"] if not one["up"]]:
        if time.monotonic() > deadline:
            raise LabError(f"{', '.join(down)}: not up within {options.timeout:g} s")
        time.sleep(0.2)
    print("every node is up")
    return 0


def command_build(options: argparse.Namespace) -> int:
    for title, path in build.ensure_all(options.products).items():
        print(f"{title:28} {path}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        return options.function(options)
    except MissingTool as error:
        print(f"missing: {error}", file=sys.stderr)
        return MISSING
    except LabError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
