"""What the node probe would find on a modelled node, in the shape that it returns."""

from __future__ import annotations

import codecs
import contextlib
import datetime
import hashlib
import ntpath
import re
import socket
import urllib.parse
from typing import Any

from cryptography import x509

from lab.errors import NotModelled
from lab.host import command_line, dynamic_ports, firewall, paths
from lab.host.interface import Host, ServiceStatus

_SERVICES = ("containerd", "kubelet", "hns", "vmcompute")


# A model's drive, whose room is without end unless a test limits it.
_DRIVE_BYTES, _FREE_BYTES = 64 * 2**30, 32 * 2**30


def node_probe(host: Host, options: dict[str, Any], now: float, free_bytes: int | None) -> dict[str, Any]:
    """What ``NodeProbe.Collect`` returns for a node that is as the model says."""
    pending, identity = host.pending_reboot(), host.identity
    environment = {name.lower(): value for name, value in host.environment().items()}
    node = {
        "computer_name": identity.computer_name,
        "os": {
            "product_name": identity.product_name,
            "edition": "ServerDatacenter",
            "installation_type": "Server Core",
            "build": identity.build,
            "revision": identity.revision,
            "version": f"10.0.{identity.build}.{identity.revision}",
        },
        "logical_processors": int(identity.extra.get("logical_processors", 2)),
        "memory_bytes": int(identity.extra.get("memory_bytes", 4 * 2**30)),
        "features": options.get("windows_features") or {},
        "pending_reboot": {"pending": bool(pending), "reasons": pending},
        "paths": {
            "program_files": environment["programfiles"],
            "program_data": environment["programdata"],
            "system_root": environment["systemroot"],
            "system_drive": environment["systemdrive"],
        },
        "path_environment": [part for part in environment["path"].split(";") if part],
        "services": {name: _service(host, host.service(name)) for name in [*_SERVICES, *_asked(options, "services")]},
        "containerd": _containerd(host, options),
        "kubelet": _kubelet(host, options),
        "bindfltapi": identity.build >= 17763,
        "files": {path: _file(host, path) for path in options.get("files") or []},
        "directories": {path: _entries(host, path) for path in _asked(options, "directories")},
        "registry": {key: _registry_key(host, key) for key in _asked(options, "registry")},
        "firewall_rules": {name: _rules(host, name) for name in _asked(options, "firewall_rules")},
        "dynamic_port_ranges": options.get("dynamic_port_ranges"),
        "excluded_port_ranges": _excluded(host) if options.get("excluded_port_lines") else None,
        "volumes": [
            {
                "drive": environment["systemdrive"],
                "size_bytes": _DRIVE_BYTES,
                "free_bytes": _FREE_BYTES if free_bytes is None else free_bytes,
            }
        ],
        "endpoints": {endpoint: _reach(endpoint) for endpoint in options.get("endpoints") or []},
        "time": datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "errors": [],
    }
    return {"node": node}


def _excluded(host: Host) -> dict[str, list[dict[str, Any]]]:
    return {
        protocol: [{"start": start, "count": count, "administered": True} for start, count in ranges]
        for protocol, ranges in dynamic_ports.excluded(host).items()
    }


def _containerd(host: Host, options: dict[str, Any]) -> dict[str, Any]:
    directory = paths.expand(host, options.get("containerd_directory") or r"%ProgramFiles%\containerd")
    program = _program(host, directory, "containerd")
    status = host.service("containerd")
    return program | {
        "shim": _file(host, ntpath.join(ntpath.dirname(program["path"]), "containerd-shim-runhcs-v1.exe")),
        "config": _text(host, paths.expand(host, options.get("containerd_config_path") or directory + r"\config.toml")),
        "pipe": {
            "path": r"\\.\pipe\containerd-containerd",
            "answers": status is not None and status.state == "running",
        },
        "shim_processes": [
            {"pid": process.id, "path": process.image} for process in host.processes() if "shim-runhcs" in process.image
        ],
    }


def _kubelet(host: Host, options: dict[str, Any]) -> dict[str, Any]:
    directory = paths.expand(host, options.get("kubelet_directory") or "C:\\k")
    configuration = options.get("kubelet_config_path") or r"C:\var\lib\kubelet\config.yaml"
    flags = options.get("kubelet_kubeadm_flags_path") or r"C:\var\lib\kubelet\kubeadm-flags.env"
    described = _program(host, directory, "kubelet") | {
        "config": _text(host, paths.expand(host, configuration)),
        "kubeadm_flags": _text(host, paths.expand(host, flags)),
    }
    usual = {
        "bootstrap_kubeconfig": "bootstrap-kubelet.conf",
        "kubeconfig": "kubelet.conf",
        "certificate_authority": r"pki\ca.crt",
    }
    for name, place in usual.items():
        path = paths.expand(host, options.get(f"kubelet_{name}_path") or ntpath.join(directory, place))
        file = _file(host, path)
        described |= {f"{name}_path": path, f"{name}_exists": file["exists"], f"{name}_sha256": file["sha256"]}
    certificates = paths.expand(host, options.get("kubelet_certificate_directory") or r"C:\var\lib\kubelet\pki")
    certificate = _certificate(host, ntpath.join(certificates, "kubelet-client-current.pem"))
    return described | {"client_certificate": certificate}


def _certificate(host: Host, path: str) -> dict[str, Any]:
    file = _file(host, path)
    known = {"path": path, "exists": file["exists"], "subject": None, "not_before": None, "not_after": None}
    if file["size"] is None:
        return known
    certificate = x509.load_pem_x509_certificate(host.read(path))
    return known | {
        "subject": certificate.subject.rfc4514_string(),
        "not_before": certificate.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "not_after": certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _reach(endpoint: str) -> dict[str, Any]:
    """A real connection, from this machine: a model node has the network of the machine that it runs on."""
    server = urllib.parse.urlsplit(endpoint if "://" in endpoint else f"tcp://{endpoint}")
    port = server.port or 443
    try:
        found = socket.getaddrinfo(server.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return {"addresses": [], "reached": False, "error": str(error)}
    addresses = [place[0] for *_rest, place in found]
    try:
        socket.create_connection((server.hostname, port), timeout=5).close()
    except OSError as error:
        return {"addresses": addresses, "reached": False, "error": str(error)}
    return {"addresses": addresses, "reached": True, "error": None}


def _service(host: Host, status: ServiceStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    configuration = status.configuration
    return {
        "name": configuration.name,
        "display_name": configuration.display_name,
        "state": status.state,
        "exit_code": 0,
        "start_mode": configuration.start_mode,
        "account": configuration.account,
        "command_line": configuration.command_line,
        "dependencies": list(configuration.dependencies),
        "process_id": status.process_id,
        "nssm": _nssm(host, configuration.name),
        "failure_actions": {
            "reset_seconds": configuration.failure_reset_seconds,
            "on_non_crash": configuration.failure_actions_on_non_crash,
            "actions": [
                {"type": action.type, "delay_milliseconds": action.delay_milliseconds}
                for action in configuration.failure_actions
            ],
        },
    }


def _nssm(host: Host, service: str) -> dict[str, Any] | None:
    """What nssm keeps of the program that it runs in a service's name."""
    key = rf"HKLM:\SYSTEM\CurrentControlSet\Services\{service}\Parameters"
    values = host.registry_values(key) if host.registry_key_exists(key) else {}
    if "Application" not in values:
        return None
    parameters = values.get("AppParameters")
    return {"application": values["Application"].data, "parameters": parameters.data if parameters else None}


def _file(host: Host, asked: str) -> dict[str, Any]:
    path = paths.expand(host, asked)
    status = host.status(path)
    is_file = status is not None and not status.is_directory
    return {
        "path": path,
        "exists": status is not None,
        "is_directory": status is not None and status.is_directory,
        "size": status.size if is_file else None,
        "sha256": hashlib.sha256(host.read(path)).hexdigest() if is_file else None,
    }


def _asked(options: dict[str, Any], name: str) -> list[str]:
    return options.get(name) or []


def _entries(host: Host, asked: str) -> list[str] | None:
    path = paths.expand(host, asked)
    status = host.status(path)
    return host.list_directory(path) if status is not None and status.is_directory else None


def _registry_key(host: Host, key: str) -> dict[str, Any]:
    if not host.registry_key_exists(key):
        return {"exists": False, "values": {}}
    values = host.registry_values(key).items()
    shown = {name: value.data.hex() if isinstance(value.data, bytes) else value.data for name, value in values}
    return {"exists": True, "values": {name: {"type": value.type, "data": shown[name]} for name, value in values}}


def _rules(host: Host, name: str) -> list[str]:
    return [rule.text for rule in firewall.rules(host).values() if rule.name.lower() == name.lower()]


def _text(host: Host, path: str) -> dict[str, Any]:
    file = _file(host, path)
    content = host.read(path) if file["size"] is not None else None
    marked = None if content is None else content.startswith(codecs.BOM_UTF8)
    text = None if content is None else content.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    return file | {"content": text, "byte_order_mark": marked}


def _program(host: Host, directory: str, name: str) -> dict[str, Any]:
    """The program where it lies: where its service says, when below its directory; there; in ``bin``; elsewhere."""
    status = host.service(name)
    of_service = command_line.split(status.configuration.command_line)[:1] if status else []
    places = [ntpath.join(directory, f"{name}.exe"), ntpath.join(directory, "bin", f"{name}.exe")]
    for place in of_service:
        if place.lower().endswith(f"\\{name}.exe"):
            below = place.lower().startswith(directory.rstrip("\\").lower() + "\\")
            places.insert(0 if below else len(places), place)
    path = next((place for place in places if host.status(place)), places[0])
    text = None
    if host.status(path):
        with contextlib.suppress(NotModelled):  # a model knows the versions of those programs that a test taught it
            text = host.run([path, "--version"]).stdout.decode().strip()
    version = re.search(r"\bv?(\d+\.\d+\.\d+\S*)", text or "")
    return _file(host, path) | {"version": version[1] if version else None, "version_text": text}
