"""community.windows.win_firewall_rule: rules of one name, as ports of TCP and UDP need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.errors import NotModelled
from lab.host import firewall
from lab.host.interface import Host
from lab.modules.emulation import Emulation, ModuleFailure

# Option to the token of the firewall's notation and how its value is written there (MS-GPFAS 2.2.2.19).
_TOKENS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "action": ("Action", lambda word: word.capitalize()),
    "enabled": ("Active", lambda flag: str(flag).upper()),
    "direction": ("Dir", lambda word: word.capitalize()),
    "protocol": ("Protocol", lambda word: _protocol(str(word))),
    "localport": ("LPort", str),
    "program": ("App", str),
    "service": ("Svc", str),
    "description": ("Desc", str),
    "group": ("EmbedCtxt", str),
}
_NEW = {"Action": "Allow", "Active": "TRUE", "Dir": "In", "Protocol": "256"}
_NOT_MODELLED = (
    "localip",
    "remoteip",
    "remoteport",
    "profiles",
    "icmp_type_code",
    "interfacetypes",
    "edge",
    "security",
)


def _protocol(word: str) -> str:
    numbers = {"tcp": "6", "udp": "17", "any": "256"}
    if word.lower() not in numbers and not word.isdigit():
        raise ModuleFailure(f"Unknown protocol '{word}'.")
    return numbers.get(word.lower(), word)


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    given = [name for name in _NOT_MODELLED if parameters.get(name) not in (None, [], "any")]
    if given:
        raise NotModelled(f"win_firewall_rule with {', '.join(given)}")
    name = parameters["name"]
    if not name:
        if parameters["group"]:
            raise NotModelled("win_firewall_rule by group")
        raise ModuleFailure("Either name or group must be specified")
    found = {identifier: rule for identifier, rule in firewall.rules(host).items() if rule.name.lower() == name.lower()}
    if parameters["state"] == "absent":
        return _remove(host, name, found, check_mode)
    wanted = {
        token: write(parameters[option])
        for option, (token, write) in _TOKENS.items()
        if parameters[option] not in (None, "any")
    }
    return _change(host, found, wanted, check_mode) if found else _create(host, name, wanted, check_mode)


def _remove(host: Host, name: str, found: dict[str, firewall.Rule], check_mode: bool) -> dict[str, Any]:
    if not found:
        return {"msg": f"Firewall rule '{name}' does not exist.", "diff": {"prepared": ""}}
    for identifier in found if not check_mode else ():
        firewall.remove(host, identifier)
    names = "', '".join(rule.name for rule in found.values())
    prepared = "".join(f"-[{rule.name}]\n" for rule in found.values())
    return {"changed": True, "msg": f"Firewall rule(s) '{names}' removed.", "diff": {"prepared": prepared}}


def _create(host: Host, name: str, wanted: dict[str, str], check_mode: bool) -> dict[str, Any]:
    if not check_mode:
        firewall.keep(host, firewall.Rule(tuple({**_NEW, **wanted, "Name": name}.items())))
    return {"changed": True, "msg": f"Firewall rule '{name}' created.", "diff": {"prepared": f"+[{name}]\n"}}


def _change(host: Host, found: dict[str, firewall.Rule], wanted: dict[str, str], check_mode: bool) -> dict[str, Any]:
    differing = {
        identifier: rule
        for identifier, rule in found.items()
        if any(dict(rule.pairs).get(token, "").lower() != value.lower() for token, value in wanted.items())
    }
    for identifier, rule in differing.items() if not check_mode else ():
        firewall.keep(host, firewall.Rule(tuple({**dict(rule.pairs), **wanted}.items())), identifier)
    changed = "', '".join(rule.name for rule in differing.values())
    unchanged = "', '".join(rule.name for identifier, rule in found.items() if identifier not in differing)
    return {
        "changed": bool(differing),
        "msg": f"Firewall rule(s) changed '{changed}' - unchanged '{unchanged}'",
        "diff": {"prepared": "".join(f"[{rule.name}]\n" for rule in found.values())},
    }


# Options of the source that its documentation doesn't have.
_UNDOCUMENTED: dict[str, dict[str, Any]] = {
    "interfacetypes": {"type": "list"},
    "edge": {"type": "str", "choices": ["no", "yes", "deferapp", "deferuser"]},
    "security": {"type": "str", "choices": ["notrequired", "authnoencap", "authenticate", "authdynenc", "authenc"]},
}
EMULATION = Emulation(_run, undocumented=_UNDOCUMENTED)
