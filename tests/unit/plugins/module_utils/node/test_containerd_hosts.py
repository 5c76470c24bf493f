# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registry mirrors become hosts.toml files where containerd looks for them."""

from __future__ import annotations

import tomllib

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.containerd_hosts import hosts_files
from ansible_collections.kubewin.hostprocess.plugins.module_utils.node.errors import NodeError

MIRRORS = {
    "host": {
        "https://first.example.com": {"capabilities": ["pull", "resolve"], "ca": "C:\\ca.crt"},
        "https://a-second.example.com": {"skip_verify": True, "header": {"x-key": ["value"]}},
    },
    "server": "https://registry-1.docker.io",
}


def test_a_file_says_what_was_given_in_its_order_and_the_server_belongs_to_no_host():
    ((path, text),) = hosts_files("C:\\certs.d", {"docker.io": MIRRORS}).items()
    assert path == "C:\\certs.d\\docker.io\\hosts.toml"
    read = tomllib.loads(text)
    assert read == MIRRORS
    assert list(read["host"]) == list(MIRRORS["host"])


@pytest.mark.parametrize(
    ("registry", "folder"),
    # As containerd's own tests have them (core/remotes/docker/config/hosts_test.go, config_windows.go).
    [("_default", "_default"), ("registry.example.com:5000", "registry.example.com_5000_"), ("localhost", "localhost")],
)
def test_a_port_is_written_as_windows_can_have_it(registry, folder):
    assert list(hosts_files("C:\\certs.d", {registry: {}})) == [f"C:\\certs.d\\{folder}\\hosts.toml"]


@pytest.mark.parametrize("registry", ["https://docker.io", "docker.io/library", "..", "a b", ""])
def test_what_is_no_registry_is_refused(registry):
    with pytest.raises(NodeError, match="is no registry"):
        hosts_files("C:\\certs.d", {registry: {}})


@pytest.mark.parametrize(
    "content",
    [
        {"mirrors": []},
        {"host": {"https://a": {"capability": ["pull"]}}},
        {"host": ["https://a"]},
        "https://a",
        {"host": {"https://a": []}},
    ],
)
def test_what_containerd_would_ignore_in_silence_is_refused(content):
    with pytest.raises(NodeError, match=r"containerd_registry_mirrors\.docker\.io"):
        hosts_files("C:\\certs.d", {"docker.io": content})
