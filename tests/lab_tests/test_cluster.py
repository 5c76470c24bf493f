"""The control plane: real, loopback only, safe to join, and gone when stopped."""

from __future__ import annotations

import http.server
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from lab.cluster import Cluster, ClusterInterface, ExistingCluster, open_cluster
from lab.cluster.certificates import Authority
from lab.cluster.cluster import ClusterError
from lab.cluster.relay import Relay
from lab.errors import LabError
from lab.network import free_port, machine_address

READY_SECONDS = 20.0


def with_token(cluster: ClusterInterface, token: str) -> client.ApiClient:
    """A client that proves the server by the cluster's CA and itself by a bearer token."""
    configuration = client.Configuration(host=cluster.api_url)
    configuration.ssl_ca_cert = str(cluster.kubeconfig.parent / "pki" / "kubernetes-ca.crt")
    configuration.api_key = {"BearerToken": token}
    configuration.api_key_prefix = {"BearerToken": "Bearer"}
    configuration.retries = False
    return client.ApiClient(configuration)


def pod(name: str, **spec: object) -> dict[str, object]:
    container = {"name": "c", "image": "registry.example/image:1"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container], **spec}}


HOST_PROCESS = {
    "hostNetwork": True,
    "securityContext": {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}},
}


@pytest.fixture
def namespace(cluster: ClusterInterface) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{time.monotonic_ns()}"
    with cluster.api() as api:
        core = client.CoreV1Api(api)
        core.create_namespace({"metadata": {"name": name}})
        yield name
        core.delete_namespace(name)


@pytest.mark.controlplane
class TestRunning:
    def test_the_api_says_the_version_that_was_asked_for(self, cluster: ClusterInterface) -> None:
        with cluster.api() as api:
            version = client.VersionApi(api).get_code()
        assert version.git_version == f"v{cluster.version}"
        assert cluster.version.startswith(f"{version.major}.{version.minor}.")

    def test_only_loopback_listens(self, cluster: Cluster) -> None:
        for name, process_id in cluster.process_ids().items():
            inodes = {
                os.readlink(entry)[8:-1]
                for entry in Path(f"/proc/{process_id}/fd").iterdir()
                if os.path.islink(entry) and os.readlink(entry).startswith("socket:[")
            }
            for table in ("tcp", "tcp6"):
                for row in Path(f"/proc/{process_id}/net/{table}").read_text().splitlines()[1:]:
                    words = row.split()
                    if words[3] == "0A" and words[9] in inodes:
                        assert words[1].startswith("0100007F:"), f"{name} listens at {words[1]}"

    def test_the_api_server_proves_itself_with_the_clusters_ca(self, cluster: ClusterInterface) -> None:
        host, port = cluster.api_url.removeprefix("https://").split(":")
        trusting = ssl.create_default_context(cadata=cluster.ca_pem)
        with socket.create_connection((host, int(port))) as raw, trusting.wrap_socket(raw, server_hostname=host) as tls:
            assert tls.version() in ("TLSv1.2", "TLSv1.3")
        distrusting = ssl.create_default_context()
        with (
            socket.create_connection((host, int(port))) as raw,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            distrusting.wrap_socket(raw, server_hostname=host)

    def test_secrets_are_readable_by_their_owner_only(self, cluster: ClusterInterface) -> None:
        files = [cluster.kubeconfig, *cluster.kubeconfig.parent.glob("pki/*.key")]
        assert len(files) > 5
        assert {file.stat().st_mode & 0o077 for file in files} == {0}

    def test_a_stranger_may_not_read_secrets(self, cluster: ClusterInterface) -> None:
        with (
            with_token(cluster, "abcdef.0123456789abcdef") as api,
            pytest.raises(ApiException) as caught,
        ):
            client.CoreV1Api(api).list_secret_for_all_namespaces()
        assert caught.value.status == HTTPStatus.UNAUTHORIZED

    def test_a_bootstrap_token_may_ask_for_a_certificate_and_nothing_more(self, cluster: ClusterInterface) -> None:
        with with_token(cluster, cluster.bootstrap_token()) as api:
            reviews = client.AuthorizationV1Api(api)

            def allowed(verb: str, group: str, resource: str) -> bool:
                attributes = {"verb": verb, "group": group, "resource": resource}
                review = reviews.create_self_subject_access_review({"spec": {"resourceAttributes": attributes}})
                return review.status.allowed

            assert allowed("create", "certificates.k8s.io", "certificatesigningrequests")
            assert not allowed("list", "", "secrets")
            assert not allowed("list", "", "pods")

    def test_the_api_server_may_read_logs_at_kubelets(self, cluster: ClusterInterface) -> None:
        attributes = {"verb": "get", "resource": "nodes", "subresource": "proxy"}
        review = {"spec": {"user": "kube-apiserver-kubelet-client", "resourceAttributes": attributes}}
        with cluster.api() as api:
            assert client.AuthorizationV1Api(api).create_subject_access_review(review).status.allowed

    def test_two_bootstrap_tokens_differ_and_both_work(self, cluster: ClusterInterface) -> None:
        tokens = {cluster.bootstrap_token(), cluster.bootstrap_token()}
        assert len(tokens) == 2
        for token in tokens:
            with with_token(cluster, token) as api:
                assert client.AuthenticationV1Api(api).create_self_subject_review({}).status.user_info.username == (
                    f"system:bootstrap:{token.split('.')[0]}"
                )

    def test_a_host_process_pod_is_admitted_where_pod_security_is_privileged(
        self, cluster: ClusterInterface, namespace: str
    ) -> None:
        with cluster.api() as api:
            created = client.CoreV1Api(api).create_namespaced_pod(namespace, pod("hp", **HOST_PROCESS))
        assert created.spec.security_context.windows_options.host_process is True

    def test_pod_security_refuses_host_process_where_it_is_enforced(
        self, cluster: ClusterInterface, namespace: str
    ) -> None:
        label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}
        with cluster.api() as api:
            core = client.CoreV1Api(api)
            core.patch_namespace(namespace, label)
            with pytest.raises(ApiException, match="violates PodSecurity") as caught:
                core.create_namespaced_pod(namespace, pod("hp", **HOST_PROCESS))
        assert caught.value.status == HTTPStatus.FORBIDDEN

    def test_a_daemon_set_makes_a_pod_on_a_node(self, cluster: ClusterInterface, namespace: str) -> None:
        """Controller manager and scheduler work: a pod appears and is bound, though no kubelet runs it."""
        node = f"{namespace}-node"
        labels = {"test": namespace}
        daemon_set = {
            "metadata": {"name": "ds"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {**pod("x")["spec"], "nodeSelector": labels, "tolerations": [{"operator": "Exists"}]},
                },
            },
        }
        with cluster.api() as api:
            core = client.CoreV1Api(api)
            core.create_node({"metadata": {"name": node, "labels": labels}})
            core.patch_node_status(node, {"status": {"allocatable": {"pods": "10"}, "capacity": {"pods": "10"}}})
            try:
                client.AppsV1Api(api).create_namespaced_daemon_set(namespace, daemon_set)
                deadline = time.monotonic() + 30
                while time.monotonic() < deadline:
                    pods = core.list_namespaced_pod(namespace).items
                    if pods and pods[0].spec.node_name:
                        break
                    time.sleep(0.1)
                assert [one.spec.node_name for one in pods] == [node]
            finally:
                core.delete_node(node)

    def test_an_existing_cluster_is_used_and_left_without_our_tokens(self, cluster: ClusterInterface) -> None:
        with ExistingCluster(cluster.kubeconfig) as existing:
            assert (existing.api_url, existing.version) == (cluster.api_url, cluster.version)
            name = f"bootstrap-token-{existing.bootstrap_token().split('.')[0]}"
            with cluster.api() as api:
                client.CoreV1Api(api).read_namespaced_secret(name, "kube-system")
        with cluster.api() as api, pytest.raises(ApiException) as caught:
            client.CoreV1Api(api).read_namespaced_secret(name, "kube-system")
        assert caught.value.status == HTTPStatus.NOT_FOUND


class Kubelet(http.server.BaseHTTPRequestHandler):
    """Answers as a kubelet does for a container's log."""

    def do_GET(self) -> None:
        body = f"log of {self.path.split('?')[0]}".encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.mark.controlplane
def test_the_api_server_reaches_a_kubelet_on_a_loopback_address(
    cluster: ClusterInterface, namespace: str, tmp_path: Path
) -> None:
    """The node reports the machine's address; what answers listens at 127.0.99.1 only."""
    pair = Authority(tmp_path, "kubelet-ca").issue("kubelet", "system:node:far", server_names=["127.0.99.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server = http.server.ThreadingHTTPServer(("127.0.99.1", 0), Kubelet)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    cluster.route_kubelet(port, "127.0.99.1")
    status = {
        "addresses": [{"type": "InternalIP", "address": machine_address()}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    try:
        with cluster.api() as api:
            core = client.CoreV1Api(api)
            core.create_node({"metadata": {"name": f"{namespace}-far"}})
            core.patch_node_status(f"{namespace}-far", {"status": status})
            core.create_namespaced_pod(namespace, pod("p", nodeName=f"{namespace}-far"))
            assert core.read_namespaced_pod_log("p", namespace) == f"log of /containerLogs/{namespace}/p/c"
            core.delete_node(f"{namespace}-far")
    finally:
        server.shutdown()
        server.server_close()


def test_the_relay_says_when_no_kubelet_answers(tmp_path: Path) -> None:
    relay = Relay(tmp_path / "relay.sock")
    relay.start()
    try:
        port = free_port()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(relay.socket))
            connection.sendall(f"CONNECT 198.51.100.1:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert connection.recv(1000).startswith(f"HTTP/1.1 502 no kubelet at port {port}".encode())
    finally:
        relay.stop()


@pytest.mark.controlplane
def test_it_is_ready_soon_stops_at_once_and_starts_again_in_the_same_folder(tmp_path: Path) -> None:
    for _ in range(2):
        cluster = Cluster(tmp_path / "cluster")
        began = time.monotonic()
        with cluster:
            assert time.monotonic() - began < ready_limit()
            children = cluster.process_ids()
            assert set(children) == {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
            stopping = time.monotonic()
        assert time.monotonic() - stopping < 3
        assert [name for name, process_id in children.items() if Path(f"/proc/{process_id}").exists()] == []
        assert not list(tmp_path.rglob("*.sock"))


@pytest.mark.controlplane
def test_its_processes_die_with_a_laboratory_that_is_killed(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        from pathlib import Path
        from lab.cluster import Cluster
        cluster = Cluster(Path({str(tmp_path / "cluster")!r}))
        cluster.start()
        print(*cluster.process_ids().values(), flush=True)
        import time; time.sleep(60)
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)
    children = [int(word) for word in parent.stdout.readline().split()]
    assert len(children) == 4
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 30
    while any(running(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [child for child in children if running(child)] == []


def ready_limit() -> float:
    """20 s on a machine of its own; on one that others load, as much longer as it is overloaded."""
    return READY_SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.controlplane
def test_a_lost_port_is_replaced_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.cluster import components

    taken = socket.create_server(("127.0.0.1", 0))
    choices = iter([taken.getsockname()[1]])
    choose = components.free_port
    monkeypatch.setattr(components, "free_port", lambda: next(choices, None) or choose())
    with taken, Cluster(tmp_path / "cluster") as cluster:
        assert not cluster.api_url.endswith(f":{taken.getsockname()[1]}")


@pytest.mark.controlplane
def test_a_component_that_ends_is_named_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lab.cluster import components

    command = components.api_server
    monkeypatch.setattr(components, "api_server", lambda *values: [*command(*values), "--no-such-flag"])
    cluster = Cluster(tmp_path / "cluster")
    with pytest.raises(ClusterError, match=r"(?s)kube-apiserver .* ended with 1.*unknown flag: --no-such-flag"):
        cluster.start()
    assert cluster.process_ids() == {}


def test_lab_kubeconfig_puts_an_existing_cluster_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KUBECONFIG", str(tmp_path / "config"))
    assert isinstance(open_cluster(tmp_path / "cluster"), ExistingCluster)
    monkeypatch.delenv("LAB_KUBECONFIG")
    assert isinstance(open_cluster(tmp_path / "cluster"), Cluster)


def test_a_missing_kubeconfig_is_said(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="can't be used as a kubeconfig"):
        ExistingCluster(tmp_path / "nothing").start()


def test_a_kubeconfig_without_ca_is_refused_because_kubelets_need_it(tmp_path: Path) -> None:
    content = {
        "contexts": [{"name": "x", "context": {"cluster": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "current-context": "x",
    }
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(LabError, match="names no certificate authority"):
        ExistingCluster(file).start()


def test_an_existing_cluster_that_does_not_answer_is_said(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    from lab.cluster import kubeconfig

    endpoint = kubeconfig.Endpoint(f"https://127.0.0.1:{free_port()}", authority.pem)
    file = kubeconfig.write(tmp_path / "config", endpoint, "u", authority.issue("u", "u"))
    with pytest.raises(ClusterError, match="does not answer"):
        ExistingCluster(file).start()


def test_a_written_kubeconfig_is_one_that_the_client_library_takes(tmp_path: Path) -> None:
    from lab.cluster import kubeconfig

    authority = Authority(tmp_path, "ca")
    endpoint = kubeconfig.Endpoint("https://127.0.0.1:1", authority.pem)
    file = kubeconfig.write(tmp_path / "config", endpoint, "u", authority.issue("u", "u"))
    assert kubeconfig.read(file) == endpoint
    configuration = client.Configuration()
    config.load_kube_config(str(file), client_configuration=configuration)
    assert Path(configuration.ssl_ca_cert).read_text() == authority.pem
