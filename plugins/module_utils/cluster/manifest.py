# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A correct HostProcess workload from a few options.

What makes a pod HostProcess is always written at pod level: some 1.23 and 1.24 kubelets start a pod that sets
hostProcess on its containers only in an ordinary sandbox (domain facts section 1.6).
"""

from __future__ import annotations

from collections.abc import Mapping

NAME_LABEL = "app.kubernetes.io/name"
WINDOWS_TOLERATION = {"key": "os", "operator": "Exists", "effect": "NoSchedule"}
API_VERSIONS = {
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "Pod": "v1",
}
# Kinds whose pods end by themselves; the API server refuses restartPolicy Always for Job and CronJob.
_RUN_TO_COMPLETION = frozenset({"Job", "CronJob"})

# Option -> field of the workload's spec, by kind. What a kind lacks is refused.
_JOB_FIELDS = {
    "completions": "completions",
    "parallelism": "parallelism",
    "backoff_limit": "backoffLimit",
    "active_deadline_seconds": "activeDeadlineSeconds",
    "ttl_seconds_after_finished": "ttlSecondsAfterFinished",
}
_SPEC_FIELDS = {
    "DaemonSet": {
        "update_strategy": "updateStrategy",
        "min_ready_seconds": "minReadySeconds",
        "revision_history_limit": "revisionHistoryLimit",
    },
    "Deployment": {
        "replicas": "replicas",
        "update_strategy": "strategy",
        "min_ready_seconds": "minReadySeconds",
        "revision_history_limit": "revisionHistoryLimit",
    },
    "StatefulSet": {
        "replicas": "replicas",
        "service_name": "serviceName",
        "update_strategy": "updateStrategy",
        "min_ready_seconds": "minReadySeconds",
        "revision_history_limit": "revisionHistoryLimit",
    },
    "Job": {**_JOB_FIELDS, "suspend": "suspend"},
    "CronJob": {
        "schedule": "schedule",
        "time_zone": "timeZone",
        "concurrency_policy": "concurrencyPolicy",
        "suspend": "suspend",
    },
    "Pod": {},
}
_JOB_TEMPLATE_FIELDS = {"CronJob": _JOB_FIELDS}
_POD_FIELDS = {
    "service_account": "serviceAccountName",
    "automount_service_account_token": "automountServiceAccountToken",
    "priority_class": "priorityClassName",
    "termination_grace_period_seconds": "terminationGracePeriodSeconds",
    "affinity": "affinity",
    "volumes": "volumes",
    "runtime_class": "runtimeClassName",
}
_CONTAINER_FIELDS = {
    "image": "image",
    "image_pull_policy": "imagePullPolicy",
    "command": "command",
    "args": "args",
    "working_dir": "workingDir",
    "volume_mounts": "volumeMounts",
    "resources": "resources",
    "liveness_probe": "livenessProbe",
    "readiness_probe": "readinessProbe",
    "startup_probe": "startupProbe",
}
KIND_OPTIONS = {kind: {*fields, *_JOB_TEMPLATE_FIELDS.get(kind, {})} for kind, fields in _SPEC_FIELDS.items()}


class OptionError(ValueError):
    """An option does not apply to the kind of workload."""


def build_workload(options: Mapping) -> dict:
    """The workload's manifest.

    Args:
        options: the workload module's options; an option that is absent or None leaves its field out.

    Raises:
        OptionError: an option is set that the kind has no field for, one is missing that it needs, or one has no
            meaning.
    """
    kind = options["kind"]
    _check_options(kind, options)
    labels = {NAME_LABEL: options["name"], **(options.get("labels") or {})}
    metadata = _without_none(
        name=options["name"],
        namespace=options.get("namespace"),
        labels=labels,
        annotations=options.get("annotations") or None,
    )
    spec = _selected(options, _SPEC_FIELDS[kind])
    pod = {
        "metadata": _without_none(labels=labels, annotations=options.get("pod_annotations") or None),
        "spec": _pod_spec(options),
    }
    if kind == "Pod":
        annotations = {**(options.get("annotations") or {}), **(options.get("pod_annotations") or {})}
        metadata.update({"annotations": annotations} if annotations else {})
        spec = pod["spec"]
    elif kind == "CronJob":
        spec["jobTemplate"] = {"spec": {**_selected(options, _JOB_FIELDS), "template": pod}}
    else:
        # A Job's selector is the API server's own.
        selector = {} if kind == "Job" else {"selector": {"matchLabels": {NAME_LABEL: options["name"]}}}
        spec.update(selector, template=pod)
    return {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": metadata, "spec": spec}


def build_namespace(name: str, labels: Mapping | None = None) -> dict:
    """A namespace that admits HostProcess pods: all three PodSecurity modes at privileged (facts section 2)."""
    modes = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "audit", "warn")}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**modes, **(labels or {})}}}


def _check_options(kind: str, options: Mapping) -> None:
    of_some_kind = set().union(*KIND_OPTIONS.values())
    for option in sorted(of_some_kind - KIND_OPTIONS[kind]):
        if options.get(option) is not None:
            having = ", ".join(other for other, fields in KIND_OPTIONS.items() if option in fields)
            raise OptionError(f"{option} does not apply to kind {kind}; it applies to {having}")
    for option in ("image", *(["schedule"] if kind == "CronJob" else [])):
        if not options.get(option):
            raise OptionError(f"{option} is required to build a {kind} (or give the whole of it as definition or src)")


def _pod_spec(options: Mapping) -> dict:
    windows = {"hostProcess": True, **_without_none(runAsUserName=options.get("run_as"))}
    tolerations = list(options.get("tolerations") or [])
    if options.get("tolerate_windows_taint", True) and WINDOWS_TOLERATION not in tolerations:
        tolerations.append(dict(WINDOWS_TOLERATION))
    secrets = [{"name": name} for name in options.get("image_pull_secrets") or []]
    restart = options.get("restart_policy") or ("Never" if options["kind"] in _RUN_TO_COMPLETION else None)
    return {
        "os": {"name": "windows"},
        "hostNetwork": True,
        "securityContext": {"windowsOptions": windows},
        "nodeSelector": {"kubernetes.io/os": "windows", **(options.get("node_selector") or {})},
        **({"tolerations": tolerations} if tolerations else {}),
        **({"imagePullSecrets": secrets} if secrets else {}),
        **({"restartPolicy": restart} if restart else {}),
        **_selected(options, _POD_FIELDS),
        "containers": [_container(options)],
    }


def _container(options: Mapping) -> dict:
    environment = [_environment_variable(name, value) for name, value in (options.get("env") or {}).items()]
    return {
        "name": options.get("container_name") or options["name"],
        **_selected(options, _CONTAINER_FIELDS),
        **({"env": environment} if environment else {}),
    }


def _environment_variable(name: str, value: object) -> dict:
    """A dictionary is a source (fieldRef, secretKeyRef …), anything else the value."""
    if isinstance(value, Mapping):
        return {"name": name, "valueFrom": dict(value)}
    if isinstance(value, (list, tuple)):
        raise OptionError(f"env {name} is a list: give a text, a number, or a dictionary with a source")
    if isinstance(value, bool):
        value = str(value).lower()
    return {"name": name, "value": "" if value is None else str(value)}


def _selected(options: Mapping, fields: Mapping[str, str]) -> dict:
    return _without_none(**{field: options.get(option) for option, field in fields.items()})


def _without_none(**fields: object) -> dict:
    """The fields that are set; a dictionary's unset suboptions are left out as well."""
    return {name: _set_parts(value) for name, value in fields.items() if value is not None and value != []}


def _set_parts(value: object) -> object:
    return _without_none(**value) if isinstance(value, dict) else value
