#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: workload
short_description: Deploy HostProcess workloads
version_added: 1.0.0
description:
  - Brings a HostProcess DaemonSet, Deployment, StatefulSet, Job, CronJob or Pod to its declared state, and waits until
    it is ready or gone.
  - The workload is built from options, or taken from a manifest (O(definition), O(src)) that may hold what it needs
    beside it (Namespace, ConfigMap, RBAC).
  - What the API server would refuse about Windows security options is refused before it is called, in its own words.
    Whether the namespace's PodSecurity level admits a workload's pods is asked before anything is stored, or once the
    namespace is there when the same task makes or labels it.
  - Objects are applied by server-side apply; other managers' fields are kept, and a conflict names the manager.
  - When a rollout fails, the message says why in one line.
  - An API server that is busy (429, for as long as it asks for, up to 30 seconds), in trouble (500, 502, 503, 504),
    hangs up or is silent for O(request_timeout) is asked again, five times in all. While waiting for a rollout it is
    asked until O(wait_timeout).
  - When one of several objects fails, the result says which were changed before it and which were not reached.
options:
  state:
    description:
      - V(present) applies the objects, V(absent) deletes them after their pods.
    type: str
    choices: [present, absent]
    default: present
  definition:
    description:
      - Manifests as a dictionary, a list of dictionaries, or YAML text of one or more documents.
    type: raw
  src:
    description:
      - Path of a YAML file with manifests, on the host where the task runs.
    type: path
  kind:
    description:
      - Kind of workload to build.
    type: str
    choices: [DaemonSet, Deployment, StatefulSet, Job, CronJob, Pod]
    default: DaemonSet
  name:
    description:
      - Name of the workload to build or remove. Also its C(app.kubernetes.io/name) label, by which it selects its pods.
    type: str
  namespace:
    description:
      - Namespace of the workload, and of manifests that name none.
    type: str
    default: default
  create_namespace:
    description:
      - Also apply the namespace, with PodSecurity labels that admit HostProcess pods
        (C(pod-security.kubernetes.io/enforce), C(audit) and C(warn) at V(privileged)).
      - It is kept when the workload is removed.
    type: bool
    default: false
  namespace_labels:
    description:
      - More labels for the namespace that O(create_namespace) applies.
    type: dict
  create_service_account:
    description:
      - Also apply the service account that O(service_account) names. It is kept when the workload is removed.
    type: bool
    default: false
  role_rules:
    description:
      - What O(service_account) may do in O(namespace), as the C(rules) of a Role in a manifest.
      - The Role and its RoleBinding have the name of the workload. They are removed with it when the rules are given
        then too.
    type: list
    elements: dict
  cluster_role_rules:
    description:
      - What O(service_account) may do in the whole cluster, as the C(rules) of a ClusterRole in a manifest.
      - The ClusterRole and its ClusterRoleBinding have the name C(<namespace>:<name>). They are removed with the
        workload when the rules are given then too.
    type: list
    elements: dict
  image:
    description:
      - Image of the container. Its Windows version must suit the node's; a HostProcess base image suits all.
    type: str
  image_pull_policy:
    description:
      - When the image is pulled.
    type: str
    choices: [Always, IfNotPresent, Never]
  image_pull_secrets:
    description:
      - Names of secrets with registry credentials.
    type: list
    elements: str
  container_name:
    description:
      - Name of the container; that of the workload by default.
    type: str
  command:
    description:
      - Command, which replaces the image's entry point.
      - C($env:CONTAINER_SANDBOX_MOUNT_POINT) stands for the folder in which the image's files and the mounts lie.
    type: list
    elements: str
  args:
    description:
      - Arguments of the command.
    type: list
    elements: str
  working_dir:
    description:
      - Working directory.
    type: str
  env:
    description:
      - Environment variables. A value that is a dictionary is a source, such as C(fieldRef) or C(secretKeyRef).
    type: dict
  run_as:
    description:
      - User that the container runs as, a service account of the node or the name of a local group.
      - V(NT AUTHORITY\\SYSTEM) without it. A local group needs containerd 1.7 on the node.
    type: str
  resources:
    description:
      - Limits and requests of the container. The limits become those of its job object; without them it has none.
    type: dict
    suboptions:
      limits:
        description:
          - Limits by resource, such as C(cpu) and C(memory).
        type: dict
      requests:
        description:
          - Requests by resource.
        type: dict
  volumes:
    description:
      - Volumes of the pod, as in a manifest. Named pipes and unix sockets can't be mounted.
    type: list
    elements: dict
  volume_mounts:
    description:
      - Volume mounts of the container, as in a manifest.
    type: list
    elements: dict
  liveness_probe:
    description:
      - Liveness probe, as in a manifest. Its address is the node's.
    type: dict
  readiness_probe:
    description:
      - Readiness probe, as in a manifest. Its address is the node's.
    type: dict
  startup_probe:
    description:
      - Startup probe, as in a manifest. Its address is the node's.
    type: dict
  tolerations:
    description:
      - Tolerations, as in a manifest.
    type: list
    elements: dict
  tolerate_windows_taint:
    description:
      - Whether to tolerate the taint C(os) with which Windows nodes are often kept for Windows pods.
        V(true) without it.
    type: bool
  node_selector:
    description:
      - Labels of the nodes to run on, beside C(kubernetes.io/os=windows).
    type: dict
  affinity:
    description:
      - Affinity, as in a manifest.
    type: dict
  priority_class:
    description:
      - Priority class, such as V(system-node-critical).
    type: str
  runtime_class:
    description:
      - Runtime class.
    type: str
  service_account:
    description:
      - Service account of the pods.
    type: str
  automount_service_account_token:
    description:
      - Whether the pods get the service account's token.
    type: bool
  restart_policy:
    description:
      - When the kubelet restarts the container. V(Never) without it for a Job and a CronJob.
    type: str
    choices: [Always, OnFailure, Never]
  termination_grace_period_seconds:
    description:
      - Seconds that the container has to end.
    type: int
  labels:
    description:
      - More labels of the workload and its pods.
    type: dict
  annotations:
    description:
      - Annotations of the workload.
    type: dict
  pod_annotations:
    description:
      - Annotations of its pods.
    type: dict
  update_strategy:
    description:
      - How a DaemonSet, Deployment or StatefulSet replaces its pods, as in a manifest
        (C(updateStrategy), for a Deployment C(strategy)).
    type: dict
  min_ready_seconds:
    description:
      - Seconds that a pod of a DaemonSet, Deployment or StatefulSet must be ready to count as available.
    type: int
  revision_history_limit:
    description:
      - Old revisions of a DaemonSet, Deployment or StatefulSet to keep.
    type: int
  replicas:
    description:
      - Pods of a Deployment or StatefulSet.
    type: int
  service_name:
    description:
      - Governing service of a StatefulSet.
    type: str
  completions:
    description:
      - Pods of a Job or CronJob that must succeed.
    type: int
  parallelism:
    description:
      - Pods of a Job or CronJob that run at a time.
    type: int
  backoff_limit:
    description:
      - Failed pods after which a Job has failed.
    type: int
  active_deadline_seconds:
    description:
      - Seconds after which a Job has failed.
    type: int
  ttl_seconds_after_finished:
    description:
      - Seconds after which a finished Job is deleted. With O(wait) give it some minutes; of a Job that is gone before
        its end was seen nothing is known, and the task fails.
    type: int
  suspend:
    description:
      - Whether a Job or CronJob starts no pods for now.
    type: bool
  schedule:
    description:
      - Schedule of a CronJob, such as V(15 3 * * *).
    type: str
  time_zone:
    description:
      - Time zone of O(schedule), such as V(Europe/Vienna).
    type: str
  concurrency_policy:
    description:
      - What a CronJob does while its last Job still runs.
    type: str
    choices: [Allow, Forbid, Replace]
  allow_privileged:
    description:
      - Whether kube-apiserver runs with C(--allow-privileged), without which it refuses every HostProcess container.
      - A client can't see it, so the API server has the last word; set it to V(false) to be refused without asking.
    type: bool
    default: true
  kubernetes_version:
    description:
      - Kubernetes version by whose rules manifests are judged before the API server is called, such as V(1.36).
        The newest that is known without it.
    type: str
  field_manager:
    description:
      - Name under which the fields are managed.
    type: str
    default: kubewin.hostprocess
  force_conflicts:
    description:
      - Whether to take over fields that another manager owns.
    type: bool
    default: false
  recreate:
    description:
      - Whether to delete an object and create it anew where the API server does not let a field change, as most of a
        Job and of a Pod.
      - One that is being deleted already is made anew when it is gone, as with O(wait).
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the objects are ready, or gone with their pods.
      - An object that is being deleted already is made anew when it is gone. Without this option (and O(recreate)) the
        task fails and says what holds it.
      - A DaemonSet, Deployment or StatefulSet is ready when every pod that it wants is updated and available, a Pod
        when its containers are ready or it has succeeded, a Job when it is complete, a CronJob when it is stored.
      - A container without a readiness probe is ready as soon as it runs. O(min_ready_seconds) lets the wait see one
        that ends right afterwards.
    type: bool
    default: false
  wait_sleep:
    description:
      - Seconds between two looks.
    type: int
    default: 5
  wait_timeout:
    description:
      - Seconds to wait for each object, and before that for the end of one that is being deleted. Windows images can
        take minutes to pull.
    type: int
    default: 300
extends_documentation_fragment:
  - kubewin.hostprocess.cluster_auth
  - kubewin.hostprocess.attributes
  - kubewin.hostprocess.attributes.cluster
attributes:
  check_mode:
    support: full
    details:
      - The API server judges the objects in a dry run. What needs a namespace or a role that is still to be
        created is not sent; it is judged by this module's rules alone. So are the pods where the task changes the
        PodSecurity labels of their namespace.
  diff_mode:
    support: full
requirements:
  - python >= 3.11
  - kubernetes >= 28.1.0
  - PyYAML
author:
  - The kubewin.hostprocess contributors (@kubewin)
seealso:
  - module: kubewin.hostprocess.workload_info
"""

EXAMPLES = r"""
- name: Run a log collector on every Windows node
  kubewin.hostprocess.workload:
    name: log-collector
    namespace: node-logs
    create_namespace: true
    image: registry.example/log-collector:1.4
    command: ["$env:CONTAINER_SANDBOX_MOUNT_POINT/collector.exe"]
    run_as: NT AUTHORITY\Local service
    resources:
      limits:
        cpu: 200m
        memory: 128Mi
    wait: true

- name: Run an agent that labels its node
  kubewin.hostprocess.workload:
    name: node-labeller
    namespace: node-agents
    create_namespace: true
    image: registry.example/node-labeller:0.3
    service_account: node-labeller
    create_service_account: true
    cluster_role_rules:
      - apiGroups: [""]
        resources: [nodes]
        verbs: [get, patch]
    wait: true

- name: Run a command once as SYSTEM
  kubewin.hostprocess.workload:
    kind: Job
    name: flush-dns
    namespace: node-tasks
    image: mcr.microsoft.com/oss/kubernetes/windows-host-process-containers-base-image:v1.0.0
    command: [ipconfig.exe, /flushdns]
    backoff_limit: 0
    ttl_seconds_after_finished: 600
    wait: true

- name: Deploy manifests as they are
  kubewin.hostprocess.workload:
    src: manifests/csi-proxy.yaml
    wait: true
    wait_timeout: 900

- name: Remove a workload and wait until its pods are gone
  kubewin.hostprocess.workload:
    name: log-collector
    namespace: node-logs
    state: absent
    wait: true
"""

RETURN = r"""
actions:
  description:
    - What became of each object, in the order in which they were treated. Also when one of them failed, so that what
      was done before it is known.
  returned: when the API server was asked for the objects
  type: list
  elements: dict
  contains:
    kind:
      description: Kind of the object.
      type: str
      sample: DaemonSet
    namespace:
      description: Its namespace; null for an object without one.
      type: str
      sample: node-logs
    name:
      description: Its name.
      type: str
      sample: log-collector
    action:
      description:
        - V(created), V(updated), V(recreated), V(deleted) or V(unchanged); V(failed) for the object on which the task
          failed, and V(not_reached) for those that it did not come to.
      type: str
      sample: created
resources:
  description:
    - Each object as it is stored at the end, or as it would be in check mode; of a deleted one its last state, of one
      that never was an empty dictionary. Without C(managedFields), and without a Secret's content.
  returned: success
  type: list
  elements: dict
  sample:
    - apiVersion: apps/v1
      kind: DaemonSet
      metadata:
        name: log-collector
        namespace: node-logs
reason:
  description: Why a rollout is not ready, in one line.
  returned: when waiting failed
  type: str
  sample: 'pod log-collector-8x2lq on node win-2022-a: container log-collector: it ended with exit code 1'
resource:
  description: The object that is not ready.
  returned: when waiting failed
  type: dict
  sample: {}
"""

from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.admission import (
    refuse_beforehand,
    refuse_what_admission_forbids,
    refuse_what_labels_forbid,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.connection import (
    DEFAULT_FIELD_MANAGER,
    Cluster,
    open_cluster,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.convergence import (
    Outcome,
    Patience,
    apply,
    remove,
    wait_until_gone,
    wait_until_ready,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.definitions import (
    definitions_to_apply,
    definitions_to_remove,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.errors import ClusterError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.foresight import (
    foresee,
    labels_to_come,
    what_it_rests_on,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.manifest import API_VERSIONS
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.module import (
    cluster_module,
    refuse_numbers_below,
    run_cluster_module,
)
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.progress import actions, failed_half_way
from ansible_collections.kubewin.hostprocess.plugins.module_utils.cluster.target import Target
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.errors import RulesError
from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.validation import validate, validate_pods

_LIST_OF_TEXT = {"type": "list", "elements": "str"}
_LIST_OF_DICT = {"type": "list", "elements": "dict"}

# What describes a workload to build; none of them goes with a manifest.
BUILDING_ARGUMENTS = {
    "image": {"type": "str"},
    "image_pull_policy": {"type": "str", "choices": ["Always", "IfNotPresent", "Never"]},
    "role_rules": _LIST_OF_DICT,
    "cluster_role_rules": _LIST_OF_DICT,
    # Names, not the secrets.
    "image_pull_secrets": {**_LIST_OF_TEXT, "no_log": False},
    "container_name": {"type": "str"},
    "command": _LIST_OF_TEXT,
    "args": _LIST_OF_TEXT,
    "working_dir": {"type": "str"},
    "env": {"type": "dict"},
    "run_as": {"type": "str"},
    "resources": {"type": "dict", "options": {"limits": {"type": "dict"}, "requests": {"type": "dict"}}},
    "volumes": _LIST_OF_DICT,
    "volume_mounts": _LIST_OF_DICT,
    "liveness_probe": {"type": "dict"},
    "readiness_probe": {"type": "dict"},
    "startup_probe": {"type": "dict"},
    "tolerations": _LIST_OF_DICT,
    "tolerate_windows_taint": {"type": "bool"},
    "node_selector": {"type": "dict"},
    "affinity": {"type": "dict"},
    "priority_class": {"type": "str"},
    "runtime_class": {"type": "str"},
    "service_account": {"type": "str"},
    "automount_service_account_token": {"type": "bool", "no_log": False},
    "restart_policy": {"type": "str", "choices": ["Always", "OnFailure", "Never"]},
    "termination_grace_period_seconds": {"type": "int"},
    "labels": {"type": "dict"},
    "annotations": {"type": "dict"},
    "pod_annotations": {"type": "dict"},
    "update_strategy": {"type": "dict"},
    "min_ready_seconds": {"type": "int"},
    "revision_history_limit": {"type": "int"},
    "replicas": {"type": "int"},
    "service_name": {"type": "str"},
    "completions": {"type": "int"},
    "parallelism": {"type": "int"},
    "backoff_limit": {"type": "int"},
    "active_deadline_seconds": {"type": "int"},
    "ttl_seconds_after_finished": {"type": "int"},
    "suspend": {"type": "bool"},
    "schedule": {"type": "str"},
    "time_zone": {"type": "str"},
    "concurrency_policy": {"type": "str", "choices": ["Allow", "Forbid", "Replace"]},
}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "definition": {"type": "raw"},
    "src": {"type": "path"},
    "kind": {"type": "str", "choices": list(API_VERSIONS), "default": "DaemonSet"},
    "name": {"type": "str"},
    "namespace": {"type": "str", "default": "default"},
    "create_namespace": {"type": "bool", "default": False},
    "namespace_labels": {"type": "dict"},
    "create_service_account": {"type": "bool", "default": False},
    **BUILDING_ARGUMENTS,
    "allow_privileged": {"type": "bool", "default": True},
    "kubernetes_version": {"type": "str"},
    "field_manager": {"type": "str", "default": DEFAULT_FIELD_MANAGER},
    "force_conflicts": {"type": "bool", "default": False},
    "recreate": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": False},
    "wait_sleep": {"type": "int", "default": 5},
    "wait_timeout": {"type": "int", "default": 300},
}
CONSTRAINTS = {
    "required_one_of": [("name", "definition", "src")],
    "required_if": [("create_service_account", True, ("service_account",))],
    "required_by": {"role_rules": ("service_account",), "cluster_role_rules": ("service_account",)},
    "mutually_exclusive": [
        ("name", "definition", "src"),
        *((manifest, option) for manifest in ("definition", "src") for option in BUILDING_ARGUMENTS),
    ],
}


def refuse_what_the_api_would(
    definitions: list[dict], kubernetes_version: str | None, allow_privileged: bool = True
) -> None:
    """Judge the manifests by the API server's rules on Windows security options.

    Raises:
        ClusterError: with every error of every object, in the API server's words.
    """
    server = {"allow_privileged": allow_privileged}
    if kubernetes_version:
        server["kubernetes_version"] = kubernetes_version
    try:
        refusals = [
            (definition, [*validate(definition, **server), *validate_pods(definition, **server)])
            for definition in definitions
        ]
    except RulesError as error:
        raise ClusterError(str(error)) from error
    said = [
        f"{Target.of(definition)} is invalid: {'; '.join(str(error) for error in errors)}"
        for definition, errors in refusals
        if errors
    ]
    if said:
        raise ClusterError(f"{'. '.join(said)}. The API server was not asked: it would refuse this, or its pods.")


def present(module, cluster: Cluster, definitions: list[dict], patience: Patience, outcomes: list[Outcome]) -> None:
    to_ask = refuse_beforehand(cluster, definitions)
    for definition in definitions:
        outcomes.append(bring_about(module, cluster, definition, patience, outcomes, Target.of(definition) in to_ask))
    if module.params["wait"] and not module.check_mode:
        for definition, outcome in zip(definitions, outcomes, strict=True):
            outcome.resource = wait_until_ready(cluster, definition, patience)
            outcome.warnings += warnings_of_the_ready(outcome.resource)


def bring_about(
    module, cluster: Cluster, definition: dict, patience: Patience, before: list[Outcome], to_ask: bool
) -> Outcome:
    """Apply one object, in check mode as if what the task would change before it were stored.

    Args:
        before: what became of the objects before it.
        to_ask: whether it is still to be asked whether its namespace admits its pods.
    """
    recreate, wait, version = (module.params[name] for name in ("recreate", "wait", "kubernetes_version"))
    bases = what_it_rests_on(definition, before) if module.check_mode else []
    labels = labels_to_come(bases)
    if to_ask and labels is None:
        refuse_what_admission_forbids(cluster, definition)
    outcome = foresee(
        cluster, definition, bases, lambda one: apply(cluster, one, patience, recreate, wait, module.check_mode)
    )
    # A Pod that stays as it is is not admitted anew.
    if labels is not None and (outcome.changed or definition["kind"] != "Pod"):
        refuse_what_labels_forbid(definition, labels, version)
    return outcome


def warnings_of_the_ready(resource: dict) -> list[str]:
    """What is ready to the letter and yet hardly meant."""
    desired = (resource.get("status") or {}).get("desiredNumberScheduled")
    if resource["kind"] != "DaemonSet" or desired:
        return []
    return [f"{Target.of(resource)} runs nowhere: no ready node matches its node selector and tolerations."]


def absent(module, cluster: Cluster, definitions: list[dict], patience: Patience, outcomes: list[Outcome]) -> None:
    for definition in definitions:
        outcomes.append(remove(cluster, definition))
    if module.params["wait"] and not module.check_mode:
        for outcome in outcomes:
            if outcome.changed:
                wait_until_gone(cluster, outcome.resource, patience)


def converge(module) -> dict:
    params = module.params
    refuse_numbers_below(params, wait_timeout=0, wait_sleep=1, request_timeout=1)
    removing = params["state"] == "absent"
    definitions = definitions_to_remove(params) if removing else definitions_to_apply(params)
    if not removing:
        refuse_what_the_api_would(definitions, params["kubernetes_version"], params["allow_privileged"])
    cluster = open_cluster(module, params["field_manager"], params["force_conflicts"], params["request_timeout"])
    for definition in definitions:
        if cluster.is_namespaced(definition) and not definition["metadata"].get("namespace"):
            definition["metadata"]["namespace"] = params["namespace"]
    patience = Patience(params["wait_timeout"], params["wait_sleep"])
    outcomes: list[Outcome] = []
    try:
        (absent if removing else present)(module, cluster, definitions, patience, outcomes)
    except ClusterError as error:
        raise failed_half_way(error, definitions, outcomes) from error
    for warning in (warning for outcome in outcomes for warning in outcome.warnings):
        module.warn(warning)
    return {
        "changed": any(outcome.changed for outcome in outcomes),
        "actions": actions(definitions, outcomes),
        "resources": [outcome.resource for outcome in outcomes],
        **({"diff": [outcome.diff for outcome in outcomes if outcome.diff]} if module._diff else {}),
    }


def main() -> None:
    run_cluster_module(cluster_module(ARGUMENTS, supports_check_mode=True, **CONSTRAINTS), converge)


if __name__ == "__main__":
    main()
