"""The command lines of the control plane's components: as kubeadm writes them, but on loopback and on free ports.

Sources: kubernetes.io, "Command line tools reference"; etcd.io, "Configuration options". Flags that differ from
kubeadm's say why.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.cluster.certificates import Authority, KeyPair, signing_key
from lab.network import LOOPBACK, free_port, machine_address

SERVICE_NETWORK = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"  # the first of the network: the API server's own Service
ISSUER = "https://kubernetes.default.svc.cluster.local"
API_SERVER_NAMES = (
    LOOPBACK,
    "localhost",
    SERVICE_ADDRESS,
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True)
class Ports:
    """Ports that were free a moment ago."""

    api: int
    etcd_client: int
    etcd_peer: int

    @classmethod
    def choose(cls) -> Ports:
        return cls(free_port(), free_port(), free_port())


class Credentials:
    """Every key and certificate of one control plane, below one folder."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700)
        self.authority = Authority(directory, "kubernetes-ca")
        # etcd trusts an authority of its own: a kubelet's certificate must not open the database.
        self.etcd_authority = Authority(directory, "etcd-ca")
        issue, issue_etcd = self.authority.issue, self.etcd_authority.issue
        self.api_server = issue("kube-apiserver", "kube-apiserver", server_names=API_SERVER_NAMES)
        self.kubelet_client = issue("kubelet-client", "kube-apiserver-kubelet-client")
        self.admin = issue("admin", "kubernetes-admin", organizations=["system:masters"])
        self.controller_manager = issue("kube-controller-manager", "system:kube-controller-manager")
        self.scheduler = issue("kube-scheduler", "system:kube-scheduler")
        self.etcd_server = issue_etcd("etcd", "etcd", server_names=[LOOPBACK, "localhost"])
        self.etcd_client = issue_etcd("etcd-client", "kube-apiserver-etcd-client")
        self.service_accounts = signing_key(directory / "service-accounts.key")


def etcd(ports: Ports, credentials: Credentials, data: Path) -> list[str]:
    client, peer = f"https://{LOOPBACK}:{ports.etcd_client}", f"http://{LOOPBACK}:{ports.etcd_peer}"
    return [
        "etcd",
        "--name=lab",
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=lab={peer}",
        *_files("cert-file", "key-file", credentials.etcd_server),
        "--client-cert-auth",
        f"--trusted-ca-file={credentials.etcd_authority.files.certificate}",
        "--log-level=warn",
        "--unsafe-no-fsync",  # the data does not outlive the laboratory
    ]


def api_server(ports: Ports, credentials: Credentials, egress_configuration: Path) -> list[str]:
    return [
        "kube-apiserver",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={machine_address()}",  # loopback is refused; nothing listens there
        f"--external-hostname={LOOPBACK}",
        f"--secure-port={ports.api}",
        *_files("tls-cert-file", "tls-private-key-file", credentials.api_server),
        f"--client-ca-file={credentials.authority.files.certificate}",
        f"--etcd-servers=https://{LOOPBACK}:{ports.etcd_client}",
        f"--etcd-cafile={credentials.etcd_authority.files.certificate}",
        *_files("etcd-certfile", "etcd-keyfile", credentials.etcd_client),
        *_files("kubelet-client-certificate", "kubelet-client-key", credentials.kubelet_client),
        "--kubelet-preferred-address-types=InternalIP",
        f"--egress-selector-config-file={egress_configuration}",  # kubelets listen on loopback: see relay.py
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--enable-bootstrap-token-auth=true",
        "--allow-privileged=true",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-signing-key-file={credentials.service_accounts}",
        f"--service-account-key-file={credentials.service_accounts}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
    ]


def controller_manager(credentials: Credentials, kubeconfig: Path) -> list[str]:
    return [
        "kube-controller-manager",
        f"--kubeconfig={kubeconfig}",
        f"--root-ca-file={credentials.authority.files.certificate}",
        *_files("cluster-signing-cert-file", "cluster-signing-key-file", credentials.authority.files),
        f"--service-account-private-key-file={credentials.service_accounts}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",  # there is one
        "--secure-port=0",  # nobody asks it for metrics
    ]


def scheduler(kubeconfig: Path) -> list[str]:
    return ["kube-scheduler", f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0"]


def _files(certificate_flag: str, key_flag: str, pair: KeyPair) -> list[str]:
    return [f"--{certificate_flag}={pair.certificate}", f"--{key_flag}={pair.key}"]
