# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module that is missing in its action group silently ignores the group's module_defaults."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]


def test_the_cluster_group_is_every_module_that_reaches_the_kubernetes_api():
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    reaching = [
        path.stem
        for path in sorted((ROOT / "plugins" / "modules").glob("*.py"))
        if "module_utils.cluster" in path.read_text()
    ]
    assert sorted(groups["cluster"]) == reaching
