# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service as a role wants it, against the one that is there."""

from __future__ import annotations

import pytest

DIRECTORY = "C:\\Program Files\\containerd"
AUTHORITY = "-----BEGIN CERTIFICATE-----\nmodel\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("state", "stopped"),
        ("start_mode", "manual"),
        ("account", "NT AUTHORITY\\LocalService"),
        ("command_line", "C:\\other.exe"),
        ("dependencies", ["x"]),
        ("failure_actions", None),
        ("failure_actions", {"reset_seconds": 86400, "on_non_crash": False, "actions": []}),
    ],
)
def test_a_service_in_any_other_state_differs(prepared, field, value, containerd_plan):
    prepared["services"]["containerd"][field] = value
    assert containerd_plan(prepared)["service_differs"]


def test_a_service_never_gives_up(bare, containerd_plan, kubelet_plan):
    for service in (containerd_plan(bare)["service"], kubelet_plan(bare)["service"]):
        assert service["failure_actions"][-1]["type"] == "restart"


def test_paths_with_spaces_are_quoted(bare, containerd_plan):
    assert containerd_plan(bare)["service"]["path"].startswith(
        f'"{DIRECTORY}\\2.2.9\\bin\\containerd.exe" --run-service '
    )
