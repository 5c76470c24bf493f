# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What two playbooks have to say alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"


def probes(name: str) -> list[dict[str, Any]]:
    """The options of every look at a node in a playbook."""

    def found(value: Any) -> list[dict[str, Any]]:
        if isinstance(value, list):
            return [one for inner in value for one in found(inner)]
        if isinstance(value, dict):
            mine = value.get("kubewin.hostprocess.node_info")
            return ([mine] if mine else []) + found(list(value.values()))
        return []

    return found(yaml.safe_load((PLAYBOOKS / f"{name}.yml").read_text()))


def test_an_upgrade_looks_at_a_node_as_its_preparation_did():
    """Both hand the same probe to the same roles; a role that asks for more has to be asked for in both."""
    prepare, upgrade = probes("prepare"), probes("upgrade")
    assert prepare
    assert upgrade
    assert all(probe == prepare[0] for probe in prepare + upgrade)
