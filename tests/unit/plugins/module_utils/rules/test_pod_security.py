# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Facts section 2; tests/differential asks the real admission plugin."""

from __future__ import annotations

import pytest

from ansible_collections.kubewin.hostprocess.plugins.module_utils.rules.pod_security import predict

ENFORCE = "pod-security.kubernetes.io/enforce"


def pod(**spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


HOSTPROCESS = pod(
    hostNetwork=True,
    os={"name": "windows"},
    securityContext={"windowsOptions": {"hostProcess": True}},
    containers=[{"name": "a"}],
)


def test_baseline_refuses_in_the_plugins_words():
    prediction = predict(HOSTPROCESS, {ENFORCE: "baseline"})
    assert prediction.refusal == (
        'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true),'
        " hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)"
    )
    assert prediction.warning is None
    assert "pod-security.kubernetes.io/enforce=privileged" in prediction.fix


@pytest.mark.parametrize("labels", [{}, {ENFORCE: "privileged"}])
def test_privileged_admits(labels):
    assert predict(HOSTPROCESS, labels) == (None, None, None, "")


def test_a_workload_is_only_warned_of_and_its_pods_refused():
    daemon_set = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "d"},
        "spec": {"template": {"spec": HOSTPROCESS["spec"]}},
    }
    prediction = predict(daemon_set, {ENFORCE: "baseline", f"{ENFORCE}-version": "v1.25"})
    assert prediction.refusal is None
    assert prediction.warning.startswith('would violate PodSecurity "baseline:v1.25": host namespaces')
    assert prediction.pods_refusal.startswith('violates PodSecurity "baseline:v1.25": host namespaces')


def test_pods_have_host_ports_that_their_template_has_not():
    spec = {**HOSTPROCESS["spec"], "containers": [{"name": "a", "ports": [{"containerPort": 9100}]}]}
    daemon_set = {"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": {"template": {"spec": spec}}}
    prediction = predict(daemon_set, {ENFORCE: "baseline"})
    assert "hostPort" not in prediction.warning
    assert 'hostPort (container "a" uses hostPort 9100)' in prediction.pods_refusal


def test_only_the_warn_label_warns_of_a_pod():
    prediction = predict(HOSTPROCESS, {"pod-security.kubernetes.io/warn": "baseline"})
    assert prediction.refusal is None
    assert prediction.warning.startswith("would violate")


def test_restricted_excuses_windows_pods_since_1_25():
    old, new = (
        predict(HOSTPROCESS, {ENFORCE: "restricted", f"{ENFORCE}-version": v}).refusal for v in ("v1.24", "v1.25")
    )
    for reason in ("allowPrivilegeEscalation != false", "unrestricted capabilities", "seccompProfile"):
        assert reason in old
        assert reason not in new
    assert "runAsNonRoot != true" in new


def test_a_host_in_a_probe_is_refused_since_1_34():
    definition = pod(containers=[{"name": "a", "livenessProbe": {"httpGet": {"host": "127.0.0.1", "port": 80}}}])
    assert predict(definition, {ENFORCE: "baseline", f"{ENFORCE}-version": "v1.33"}).refusal is None
    refusal = predict(definition, {ENFORCE: "baseline"}, "1.34").refusal
    assert refusal.endswith('probe or lifecycle host (container "a" uses probe or lifecycle host "127.0.0.1")')


def test_an_api_server_knows_no_check_newer_than_itself():
    definition = pod(containers=[{"name": "a", "livenessProbe": {"tcpSocket": {"host": "a", "port": 80}}}])
    assert predict(definition, {ENFORCE: "baseline"}, "1.33").refusal is None


def test_ports_of_the_host_network_count_as_host_ports():
    ports = [{"containerPort": 8080}, {"containerPort": 443}]
    definition = pod(hostNetwork=True, containers=[{"name": "a", "ports": ports}, {"name": "b"}])
    refusal = predict(definition, {ENFORCE: "baseline"}).refusal
    assert refusal.endswith('hostPort (container "a" uses hostPorts 443, 8080)')


def test_a_label_that_nobody_understands_is_restricted():
    assert 'PodSecurity "restricted:latest"' in predict(HOSTPROCESS, {ENFORCE: "strict"}).refusal


@pytest.mark.parametrize("mode", ["enforce", "warn"])
@pytest.mark.parametrize("version", [1.25, None, "", ["v1.25"]])
def test_a_version_that_nobody_understands_is_the_latest(mode, version):
    label = f"pod-security.kubernetes.io/{mode}"
    prediction = predict(HOSTPROCESS, {label: "baseline", f"{label}-version": version})
    assert 'PodSecurity "baseline:latest"' in (prediction.refusal or prediction.warning)


@pytest.mark.parametrize("name", [{}, {"name": None}])
def test_a_volume_without_a_name_is_judged_too(name):
    definition = pod(containers=[{"name": "a"}], volumes=[{**name, "hostPath": {"path": "C:/a"}}])
    assert 'hostPath volumes (volume "")' in predict(definition, {ENFORCE: "baseline"}).refusal


def test_a_kind_without_a_pod_is_not_judged():
    assert predict({"apiVersion": "v1", "kind": "Service"}, {ENFORCE: "restricted"}) is None
