# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What containerd and its shim have to be for HostProcess containers. A rule returns None, or what it found."""

from __future__ import annotations

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node import containerd_handlers, service_rules
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.facts import Facts, Found
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import containerd, gates, matrix, versions

_CONTAINERD_ROLE = "Run the role kubewin.hostprocess.containerd."
_ACCOUNTS = {account.casefold() for account in matrix.CONTAINERD_ACCOUNTS}


def absent(facts: Facts) -> Found | None:
    if facts.get("containerd", "exists") is not False:
        return None
    path = facts.get("containerd", "path")
    return Found(f"containerd is not installed: there is no {path}.", _CONTAINERD_ROLE, {"path": path})


def too_old(facts: Facts) -> Found | None:
    return _pairing(facts, "too_old")


def unlisted(facts: Facts) -> Found | None:
    return _pairing(facts, "unlisted")


def _pairing(facts: Facts, state: str) -> Found | None:
    if facts.containerd is None or facts.kubernetes is None or not gates.hostprocess_supported(facts.kubernetes):
        return None
    pairing = containerd.check_pairing(facts.kubernetes, facts.containerd)
    if pairing.state != state:
        return None
    evidence = {"containerd": facts.containerd, "kubernetes": str(versions.kubernetes(facts.kubernetes))}
    return Found(f"{pairing.message}.", pairing.fix, evidence)


def needs_newer_shim(facts: Facts) -> Found | None:
    if facts.containerd is None or facts.own_shim:
        return None
    pairing = containerd.check_own_shim(facts.containerd)
    if pairing.state == "supported":
        return None
    return Found(f"{pairing.message}.", pairing.fix, {"containerd": facts.containerd})


def mark_held_back(facts: Facts) -> Found | None:
    """containerd 1.5 goes by an annotation; since 1.6 it is containerd that sets it."""
    known = facts.get("containerd", "config", "exists") is not None and facts.containerd is not None
    if not known or containerd.hostprocess_support(facts.containerd) is True:
        return None
    table = ("plugins", matrix.CONFIG_PLUGINS[2]["runtime"], "containerd")
    handler = facts.containerd_setting(*table, "default_runtime_name") or containerd_handlers.PROCESS
    passed = [
        facts.containerd_setting(*table, "runtimes", handler, key) or []
        for key in ("pod_annotations", "container_annotations")
    ]
    if all(containerd_handlers.lets_through(patterns, containerd_handlers.MARK) for patterns in passed):
        return None
    return Found(
        f"containerd {facts.containerd} does not let the annotation {containerd_handlers.MARK} through, without which"
        " it makes ordinary containers of HostProcess containers.",
        f"{_CONTAINERD_ROLE} It lets the annotation through.",
        {"containerd": facts.containerd, "annotation": containerd_handlers.MARK},
    )


def other_version(facts: Facts) -> Found | None:
    wanted, installed = facts.wanted_containerd, facts.get("containerd", "version")
    if not wanted or not installed or versions.parse(wanted) == versions.parse(installed):
        return None
    return Found(
        f"containerd {installed} is installed, {wanted} is wanted.",
        _CONTAINERD_ROLE,
        {"installed": installed, "wanted": str(wanted)},
    )


def unregistered(facts: Facts) -> Found | None:
    return service_rules.unregistered(facts, "containerd", _CONTAINERD_ROLE)


def stopped(facts: Facts) -> Found | None:
    return service_rules.stopped(facts, "containerd", "Start it; if it stops again, its log file says why.")


def wrong_account(facts: Facts) -> Found | None:
    account = facts.get("services", "containerd", "account")
    if not account or account.rpartition("\\")[2].replace(" ", "").casefold() in _ACCOUNTS:
        return None
    return Found(
        f"containerd runs as {account}; creating processes for other accounts takes LocalSystem or LocalService.",
        "Set the service's account to LocalSystem.",
        {"account": account},
    )


def not_automatic(facts: Facts) -> Found | None:
    return service_rules.not_automatic(facts, "containerd")


def recovery_ends(facts: Facts) -> Found | None:
    return service_rules.recovery_ends(facts, "containerd")


def silent(facts: Facts) -> Found | None:
    if not facts.runs("containerd") or facts.get("containerd", "pipe", "answers") is not False:
        return None
    pipe = facts.get("containerd", "pipe", "path")
    return Found(
        f"The service containerd is running, but nothing answers on {pipe}.",
        "Look into containerd's log: a plugin may not load, or its configuration names another address.",
        {"pipe": pipe, "state": "running"},
    )


def elsewhere(facts: Facts) -> Found | None:
    path = facts.get("containerd", "path")
    program = service_rules.program(facts.get("services", "containerd", "command_line"))
    installed = facts.get("containerd", "exists") is True
    if not installed or not path or not program or service_rules.same_path(program, path):
        return None
    return Found(
        f"The service containerd runs {program}, not {path}.",
        "Let the service run the installed program, or set containerd_directory to where it is.",
        {"service": program, "path": path},
    )


def byte_order_mark(facts: Facts) -> Found | None:
    marked = facts.get("containerd", "config", "byte_order_mark") is True
    if not marked or facts.containerd is None or not containerd.refuses_byte_order_mark(facts.containerd):
        return None
    path = facts.get("containerd", "config", "path")
    return Found(
        f"{path} begins with a byte order mark, which containerd {facts.containerd} refuses"
        " (toml: invalid character at start of key).",
        "Write the file as UTF-8 without a byte order mark.",
        {"path": path},
    )


def shim_absent(facts: Facts) -> Found | None:
    if facts.get("containerd", "exists") is not True or facts.get("containerd", "shim", "exists") is not False:
        return None
    path = facts.get("containerd", "shim", "path")
    return Found(
        f"The shim is not installed beside containerd: there is no {path}.",
        "Take it from the same release archive as containerd.exe; the file name has to stay.",
        {"path": path},
    )


def shim_unknown(facts: Facts) -> Found | None:
    if facts.containerd is None or facts.own_shim or containerd.shim_version(facts.containerd) is not None:
        return None
    return Found(
        f"Which shim containerd {facts.containerd} carries is not in the support matrix, so what it can do with"
        " HostProcess containers is not known.",
        f"Use {containerd.latest_patch(facts.containerd)}, or a newer version of this collection.",
        {"containerd": facts.containerd},
    )


def shim_outdated(facts: Facts) -> Found | None:
    installed = facts.shim_path
    others = [
        process
        for process in facts.get("containerd", "shim_processes") or []
        if installed and process.get("path") and not service_rules.same_path(process["path"], installed)
    ]
    if not others:
        return None
    named = ", ".join(f"process {process['pid']} from {process['path']}" for process in others)
    return Found(
        f"{len(others)} running shims come from another file than {installed}, so their pods keep that shim: {named}.",
        "Recreate these pods when it suits. Leave the files of these shims where they are until then.",
        {"shim_processes": others, "installed": installed},
    )


def shim_mismatched(facts: Facts) -> Found | None:
    if facts.containerd is None or facts.own_shim is None:
        return None
    pairing = containerd.check_shim(facts.containerd, facts.own_shim)
    if pairing.state == "supported":
        return None
    return Found(
        f"New pods get the shim of hcsshim {facts.own_shim}: {pairing.message}.",
        pairing.fix,
        {"containerd": facts.containerd, "hcsshim": facts.own_shim, "path": facts.shim_path},
    )
