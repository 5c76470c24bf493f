"""ansible.windows.setup: a modest set of facts, all from Host."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lab.host.interface import Host
from lab.modules.emulation import Emulation


def _run(host: Host, _parameters: dict[str, Any], _check_mode: bool, _diff: bool) -> dict[str, Any]:
    identity, environment = host.identity, host.environment()
    version = f"10.0.{identity.build}.0"
    name = identity.computer_name
    processors = int(identity.extra.get("logical_processors", 2))
    now = datetime.now(UTC)
    facts = {
        "architecture": "64-bit",
        "architecture2": "x86_64",
        "date_time": {
            "date": f"{now:%Y-%m-%d}",
            "iso8601": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "tz": "UTC",
            "year": f"{now:%Y}",
        },
        "distribution": f"Microsoft {identity.product_name}",
        "distribution_major_version": "10",
        "distribution_version": version,
        "env": environment,
        "fqdn": name,
        "hostname": name,
        "ip_addresses": list(identity.extra.get("ip_addresses", [])),
        "kernel": version,
        "lastboot": f"{datetime.fromtimestamp(host.boot_time(), UTC):%Y-%m-%d %H:%M:%SZ}",
        "memtotal_mb": int(identity.extra.get("memory_bytes", 4 * 2**30)) // 2**20,
        "netbios_name": name.upper(),
        "nodename": name,
        "os_family": "Windows",
        "os_installation_type": "Server Core",
        "os_name": f"Microsoft {identity.product_name}",
        "os_product_type": "server",
        "powershell_version": 5,
        "processor_count": 1,
        "processor_vcpus": processors,
        "reboot_pending": bool(host.pending_reboot()),
        "system": "Win32NT",
        "user_dir": environment.get("USERPROFILE"),
        "user_id": "Administrator",
        "windows_domain": "WORKGROUP",
        "windows_domain_member": False,
    }
    return {"ansible_facts": {f"ansible_{name}": value for name, value in facts.items()} | {"gather_subset": ["all"]}}


EMULATION = Emulation(_run, ignores_unknown=True)
