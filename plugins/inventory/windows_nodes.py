# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: windows_nodes
short_description: Windows nodes of a Kubernetes cluster
version_added: 1.0.0
author:
  - The kubewin.hostprocess contributors (@kubewin)
description:
  - Makes each Windows node of a cluster a host, named as the node, with the node's address as C(ansible_host).
  - The variable C(kubernetes_node) holds C(name), C(ready), C(schedulable), C(build), C(revision), C(os_image),
    C(kubelet_version), C(runtime), C(runtime_version), C(addresses), C(labels) and C(taints).
  - Beside O(group), a host is in the groups C(windows_ready) or C(windows_not_ready), C(windows_build_20348) by its
    build, and C(windows_containerd_2_2_9) by its runtime and that one's version.
  - How to reach the nodes (C(ansible_connection), credentials) belongs in C(group_vars).
  - The file's name ends in C(windows_nodes.yml) or C(windows_nodes.yaml).
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
  - kubewin.hostprocess.cluster_auth
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [kubewin.hostprocess.windows_nodes]
  group:
    description: The group that all nodes are put in.
    type: str
    default: windows
  label_selectors:
    description: Only nodes with these labels, beside C(kubernetes.io/os=windows).
    type: list
    elements: str
    default: []
  address_types:
    description: Types of node addresses for C(ansible_host), best first. A node without any is reached by its name.
    type: list
    elements: str
    default: [InternalIP, ExternalIP, Hostname]
requirements:
  - python >= 3.11
  - kubernetes >= 28.1.0
"""

EXAMPLES = r"""
# File: cluster.windows_nodes.yml
plugin: kubewin.hostprocess.windows_nodes
kubeconfig: ~/.kube/production
label_selectors:
  - pool=edge
keyed_groups:
  - key: kubernetes_node.labels['topology.kubernetes.io/zone']
    prefix: zone
compose:
  ansible_connection: "'psrp'"
"""

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.connection import open_cluster
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.windows_nodes import (
    WINDOWS_SELECTOR,
    address_of,
    describe_node,
    groups_of,
)

FILE_NAMES = ("windows_nodes.yml", "windows_nodes.yaml")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "kubewin.hostprocess.windows_nodes"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and path.endswith(FILE_NAMES)

    def parse(self, inventory, loader, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        for node in self._described_nodes(self.get_cache_key(path), cache and self.get_option("cache")):
            self._add(node)

    def _described_nodes(self, key: str, may_read_cache: bool) -> list[dict]:
        """The nodes from the cache, or from the API server, which then refreshes the cache."""
        if may_read_cache and key in self._cache:
            return self._cache[key]
        selector = ",".join([WINDOWS_SELECTOR, *self.get_option("label_selectors")])
        reaching = {name: self.get_option(name) for name in (*AUTH_ARG_SPEC, "request_timeout")}
        try:
            nodes = open_cluster(**reaching).list("Node", label_selector=selector)
        except ClusterError as error:
            raise AnsibleParserError(str(error)) from error
        described = [describe_node(node) for node in nodes]
        if self.get_option("cache"):
            self._cache[key] = described
        return described

    def _add(self, node: dict) -> None:
        name = node["name"]
        for group in [self.get_option("group"), *groups_of(node)]:
            self.inventory.add_host(name, self.inventory.add_group(self._sanitize_group_name(group)))
        variables = {"kubernetes_node": node, "ansible_host": address_of(node, self.get_option("address_types"))}
        for variable, value in variables.items():
            self.inventory.set_variable(name, variable, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)
