"""Print docs/windows-fixes.md from the catalogue.

PYTHONPATH=tests:build/core-2.19/collections python -m tools.windows_fixes_page > docs/windows-fixes.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from tools.host_tuning_page import markdown_table

from ansible_collections.kubewin.hostprocess.plugins.module_utils.support import windows, windows_fixes
from ansible_collections.kubewin.hostprocess.plugins.module_utils.support.windows_fixes import Fix

INTRODUCTION = """# Fixes of Windows updates

Windows updates bring fixes and changes that stay off until a value in the registry turns them on. Azure sets these on
its Windows nodes. `windows_node_fixes` of the role `windows_node` says what is wanted:

```yaml
windows_node_fixes: [2024-04, HnsAclUpdateChange]   # months and names; or off, all, absent
```

* `off` (the default) leaves them alone. Of most entries nothing is known but the month of the update: **ask for them
  only when somebody who knows, such as Microsoft's support, told you to**, or when your nodes shall be like Azure's.
* `all` sets those that this Windows has: the build is the entry's, and its update revision (UBR) is at least that of
  the month's security update. A node without the update is left alone, and gets them on the first run after it.
* `all` and a list remove nothing. `absent` removes what is listed here for the node's build and is still as listed; so
  does the role `remove` for what was chosen. Who set a value is not known: `EnableCertPaddingCheck` is also a hardening
  of security baselines. Where it has to stay, name it in `windows_node_registry`, which `absent` leaves alone, and give
  the role `remove` a `remove_fixes` without it.
* Values of another build are left alone, also after an upgrade in place. Take them back before it with `absent`, or
  after it with `state: absent` in `windows_node_registry`.
* A value that `windows_node_registry` speaks of is left to that. Windows reads them when it starts: on a node without a
  kubelet the role restarts it, elsewhere they wait for the next restart.
* Values of which bits are set beside others, and values on which projects disagree, are in
  [host tuning](host-tuning.md).

The roles have not been run on Windows with these.

"""
SOURCES = f"""## Sources

* Keys, names, values, months and Windows: {windows_fixes.SOURCE}.
* Update revisions: {windows_fixes.REVISIONS_SOURCE}.
"""


def page() -> str:
    """The whole page."""
    sections = (_section(build, list(fixes)) for build, fixes in groupby(windows_fixes.FIXES, lambda fix: fix.build))
    return INTRODUCTION + "\n".join([*sections, SOURCES])


def _section(build: int, fixes: list[Fix]) -> str:
    return f"## {windows.windows_build(build).name} (build {build})\n\n" + markdown_table(
        ("Month", "From UBR", "Key below `HKLM:\\`", "Names", "Value", "Why"), _rows(fixes)
    )


def _rows(fixes: Iterable[Fix]) -> Iterator[tuple[str, ...]]:
    """One for all that differ by their names only."""
    for (month, revision, path, value, reason), same in groupby(
        fixes, lambda fix: (fix.month, fix.revision, fix.path, fix.value, fix.reason)
    ):
        names = ", ".join(f"`{fix.name}`" for fix in same)
        key = path.removeprefix("HKLM:\\")
        yield month or "not known", str(revision or "any"), f"`{key}`", names, str(value), reason


if __name__ == "__main__":
    print(page(), end="")
