#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: workload_info
short_description: List the HostProcess containers of a cluster
version_added: 1.0.0
description:
  - Lists every container of every HostProcess pod with the node it runs on, its id, the name of its job object on that
    node, and the limits it declares.
  - Pods are read a page at a time, and no more of a page is kept than its containers that are returned. So memory
    does not grow with the pods of the cluster.
  - An API server that is busy, in trouble, hangs up or is silent for O(request_timeout) is asked again, five times in
    all. A list is returned whole or not at all.
  - What it returns is what M(kubewin.hostprocess.job_object_check) compares with the job objects of a node.
options:
  namespace:
    description:
      - Only pods of this namespace. All namespaces without it.
    type: str
  node:
    description:
      - Only pods on this node (its name in Kubernetes).
    type: str
  label_selectors:
    description:
      - Only pods with these labels, such as V(app=kube-proxy) or V(tier in (a, b)).
    type: list
    elements: str
    default: []
  page_size:
    description:
      - Pods that the API server is asked for at once.
    type: int
    default: 500
  output_limit:
    description:
      - Also read what each container has written, at most so many bytes of it. Nothing is read without it.
      - What a node does not hand out is left out with a warning.
    type: int
extends_documentation_fragment:
  - kubewin.hostprocess.cluster_auth
  - kubewin.hostprocess.attributes
  - kubewin.hostprocess.attributes.info
  - kubewin.hostprocess.attributes.cluster
requirements:
  - python >= 3.11
  - kubernetes >= 28.1.0
  - PyYAML
author:
  - The kubewin.hostprocess contributors (@kubewin)
seealso:
  - module: kubewin.hostprocess.workload
"""

EXAMPLES = r"""
- name: List every HostProcess container
  kubewin.hostprocess.workload_info:
  register: hostprocess

- name: Show those that were restarted
  ansible.builtin.debug:
    msg: "{{ hostprocess.containers | selectattr('restart_count', 'gt', 0) | map(attribute='pod') }}"

- name: List those of one node
  kubewin.hostprocess.workload_info:
    node: win-2022-a
    kubeconfig: ~/.kube/production
"""

RETURN = r"""
kubernetes_version:
  description: Version of the API server.
  returned: success
  type: str
  sample: 1.36.3
containers:
  description: HostProcess containers, in the order of the API server (namespace, then name of the pod).
  returned: success
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the pod.
      type: str
      sample: kube-system
    pod:
      description: Name of the pod.
      type: str
      sample: kube-proxy-windows-7x2lq
    pod_uid:
      description: Unique id of the pod.
      type: str
      sample: 3219a2f0-bfc4-494b-93a1-5be759c8fdc8
    pod_phase:
      description: Phase of the pod.
      type: str
      sample: Running
    node:
      description: Name of the node; null while the pod is not scheduled.
      type: str
      sample: win-2022-a
    owner:
      description: What controls the pod; null for a pod without a controller.
      type: dict
      sample:
        kind: DaemonSet
        name: kube-proxy-windows
    container:
      description: Name of the container.
      type: str
      sample: kube-proxy
    kind:
      description: V(container), V(init) or V(ephemeral).
      type: str
      sample: container
    image:
      description: Image that the pod names.
      type: str
      sample: registry.example/kube-proxy:v1.36.3
    container_id:
      description: Id of the container at its runtime, 64 hexadecimal digits; null before it is created.
      type: str
      sample: 2f1c8e0b5a6d4c7e9f00112233445566778899aabbccddeeff00112233445566
    job_name:
      description: Name of the container's job object on the node; null before it is created.
      type: str
      sample: JobContainer_2f1c8e0b5a6d4c7e9f00112233445566778899aabbccddeeff00112233445566
    state:
      description: V(running), V(waiting) or V(terminated).
      type: str
      sample: running
    state_reason:
      description: Reason of a waiting or terminated state; null otherwise.
      type: str
      sample: CrashLoopBackOff
    trouble:
      description:
        - Why the container does not run, is not ready or has failed, in one line, as far as its pod says; null when
          the pod says nothing of the kind.
      type: str
      sample: "it can't start, the command does not exist on the node or in the image: ..."
    exit_code:
      description: Exit code of a terminated container; null otherwise.
      type: int
      sample: 0
    output:
      description: What the container has written, as far as O(output_limit) allows; null when it was not read.
      type: str
      sample: "flushed\n"
    ready:
      description: Whether the container is ready.
      type: bool
      sample: true
    restart_count:
      description: How often the container was restarted.
      type: int
      sample: 0
    run_as_user:
      description: The user or local group that it runs as, declared by the container or its pod; null without one.
      type: str
      sample: NT AUTHORITY\SYSTEM
    limits:
      description: Declared limits, as written; each null without one.
      type: dict
      sample:
        cpu: 500m
        memory: 256Mi
    requests:
      description: Declared requests, as written; each null without one.
      type: dict
      sample:
        cpu: 100m
        memory: 256Mi
"""

from collections.abc import Callable
from itertools import chain

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.connection import (
    PAGE_SIZE,
    Cluster,
    open_cluster,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.hostprocess_pods import (
    hostprocess_containers,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.module import (
    cluster_module,
    refuse_numbers_below,
    run_cluster_module,
)

ARGUMENTS = {
    "namespace": {"type": "str"},
    "node": {"type": "str"},
    "label_selectors": {"type": "list", "elements": "str", "default": []},
    "page_size": {"type": "int", "default": PAGE_SIZE},
    "output_limit": {"type": "int"},
}


def list_containers(cluster: Cluster, params: dict) -> list[dict]:
    pages = cluster.pages(
        "Pod",
        namespace=params["namespace"],
        label_selector=",".join(params["label_selectors"]) or None,
        field_selector=f"spec.nodeName={params['node']}" if params["node"] else None,
        page_size=params["page_size"],
    )
    # Unlike a loop's variable, the chain lets go of a page before it asks for the next one.
    return [row for pod in chain.from_iterable(pages) for row in hostprocess_containers(pod)]


def output_of(cluster: Cluster, row: dict, limit: int, warn: Callable[[str], None]) -> str | None:
    if not row["container_id"]:
        return None  # it was never started
    try:
        return cluster.output(row["namespace"], row["pod"], row["container"], limit)
    except ClusterError as error:
        warn(str(error))
        return None


def survey(module) -> dict:
    refuse_numbers_below(module.params, page_size=1, output_limit=0, request_timeout=1)
    cluster = open_cluster(module, request_timeout=module.params["request_timeout"])
    limit = module.params["output_limit"]
    containers = list_containers(cluster, module.params)
    for row in containers:
        row["output"] = output_of(cluster, row, limit, module.warn) if limit else None
    return {"changed": False, "kubernetes_version": cluster.version(), "containers": containers}


def main() -> None:
    run_cluster_module(cluster_module(ARGUMENTS, supports_check_mode=True), survey)


if __name__ == "__main__":
    main()
