"""Print docs/host-tuning.md from the catalogue.

PYTHONPATH=tests:build/core-2.19/collections python -m tools.host_tuning_page > docs/host-tuning.md
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import host_tuning, windows

INTRODUCTION = """# Host tuning

What the role `windows_node` can tune on a Windows node, each with its reason and its source. The variable
`windows_node_tuning` says what is wanted: `true` (the value below), `false` (leave it as it is), `absent` (what
Windows has without it). Port ranges, port exclusions, the page file and the time servers take figures
of your own.

```yaml
windows_node_tuning:
  smb_names_in_containers: true
  dynamic_tcp_ports: {start: 34000, count: 31536}
  page_file: {drive: D, initial_megabytes: 8192, maximum_megabytes: 8192}
```

Port exclusions are added and never widened: a range that overlaps one that is excluded already is refused before
anything is changed, because netsh refuses it as far as known (Microsoft does not say so, and we have not tried). Ranges
of your own are taken away by the role `remove` with the same ranges in `remove_tuning`, or by `netsh int ipv4 delete
excludedportrange`; a range that is no longer named stays.

Only `time_service` is on by default: every node needs it. Fixes that Windows updates turn on by themselves later are
for nodes that lag behind. Entries for certain builds do nothing on others. The roles have not been run on Windows with
these; what each value does is what its source says.

"""
DEFENDER = """
## Microsoft Defender

`windows_node_defender_exclusions` is `off` (the default: Defender is left alone), `minimal`, `full` or `absent`.
Exclusions are written as its Group Policy does it (`Exclusions_Processes` and `Exclusions_Paths` of
windowsdefender.admx), below `{policy}`, and only where the service
`{service}` is installed. Exclusions below containerd's and the kubelet's folders that are no longer wanted are
removed; others stay. `{{containerd}}` is the folder of containerd's programs, `{{data}}` that of its images and
containers.

"""


def page() -> str:
    """The whole page."""
    entries = [
        (
            f"`{entry.name}`",
            "on" if entry.default else "off",
            ", ".join(windows.windows_build(build).name for build in entry.builds) or "all",
            _setting(entry),
            entry.reason + (" Takes effect at a restart." if entry.restart else ""),
            entry.source,
        )
        for entry in host_tuning.CATALOGUE
    ]
    exclusions = [
        (f"`{row.path}`", row.kind, "minimal, full" if row.minimal else "full", row.reason, row.source)
        for row in host_tuning.DEFENDER_EXCLUSIONS
    ]
    return (
        INTRODUCTION
        + markdown_table(("Entry", "Default", "Windows", "Sets", "Why", "Source"), entries)
        + DEFENDER.format(policy=host_tuning.DEFENDER_POLICY, service=host_tuning.DEFENDER_SERVICE)
        + markdown_table(("What", "Kind", "In the set", "Why", "Source"), exclusions)
    )


def _setting(entry: host_tuning.Tuning) -> str:
    target, value = entry.target, entry.value
    if entry.kind == host_tuning.REGISTRY_VALUES:
        return "; ".join(f"`{part.path}` `{part.name}` = {part.data}" for part in value)
    if entry.kind == host_tuning.PORT_EXCLUSIONS:
        ports = ", ".join(f"{one['start']} (count {one['count']})" for one in value["ranges"])
        return f"{target['protocol']} ports that are excluded from the dynamic range: {ports or 'none'}"
    if entry.kind == host_tuning.POWER_PLAN:
        return f"the power plan {value['plan']} (`{value['guid']}`)"
    if entry.kind == host_tuning.TIME_SERVERS:
        return f"the time service's servers {', '.join(value['servers'])}: `{target['path']}` `NtpServer` and `Type`"
    if "path" in target:
        bits = " (bits)" if entry.kind == host_tuning.REGISTRY_BITS else ""
        return f"`{target['path']}` `{target['name']}` = {value}{bits}"
    figures = ", ".join(f"{name} {_figure(figure)}" for name, figure in value.items()).replace("_", " ")
    return f"{' '.join(['the', entry.kind.replace('_', ' '), *target.values()])}: {figures}"


def _figure(figure: object) -> str:
    """A step of a service's recovery is told in seconds."""
    if not isinstance(figure, list):
        return str(figure)
    return ", ".join(f"{step['type']} after {step['delay_ms'] // 1000} s" for step in figure)


def markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    print(page(), end="")
