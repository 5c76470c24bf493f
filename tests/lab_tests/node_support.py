"""What a role would put on a bare node, put there through Host, for tests of the node itself."""

from __future__ import annotations

from lab import build, products
from lab.host.interface import FailureAction, Host, ServiceConfiguration

CONTAINERD = r"C:\Program Files\containerd"
CONTAINERD_PIPE = r"\\.\pipe\containerd-containerd"
RESTART_SOON = (FailureAction("restart", 500),)


def install_containerd(host: Host, version: str = products.CONTAINERD) -> None:
    """containerd and its shim as an automatic service with recovery; not started."""
    host.make_directory(CONTAINERD)
    host.write(rf"{CONTAINERD}\containerd.exe", build.ensure("containerd", version))
    shim = build.ensure("shim", products.shim_version(version))
    host.write(rf"{CONTAINERD}\{shim.name}", shim)
    host.create_service(
        ServiceConfiguration(
            "containerd",
            "Container runtime",
            rf'"{CONTAINERD}\containerd.exe" --run-service --config "{CONTAINERD}\config.toml" '
            rf'--log-file "{CONTAINERD}\containerd.log"',
            dependencies=("plainfolder",),
            failure_actions=RESTART_SOON,
            failure_reset_seconds=3600,
        )
    )


KUBELET_CONFIGURATION = r"""apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: true}}
  x509: {{clientCAFile: 'C:\k\pki\ca.crt'}}
authorization: {{mode: Webhook}}
address: {address}
port: {port}
healthzPort: {health_port}
containerRuntimeEndpoint: 'npipe:////./pipe/containerd-containerd'
cgroupsPerQOS: false
enforceNodeAllocatable: []
resolvConf: ""
rotateCertificates: true
"""

BOOTSTRAP = r"""apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{server}", certificate-authority: 'C:\k\pki\ca.crt'}}}}]
users: [{{name: u, user: {{token: {token}}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""


def install_kubelet(
    host: Host, *, server: str, authority: bytes, token: str, address: str, port: int, health_port: int
) -> None:
    """The kubelet as an automatic service with recovery, which will join by a bootstrap token; not started."""
    host.make_directory(r"C:\k\pki")
    host.make_directory(r"C:\var\lib\kubelet")
    host.make_directory(r"C:\var\log\containers")
    host.write(r"C:\k\kubelet.exe", build.ensure("kubelet"))
    host.write(r"C:\k\pki\ca.crt", authority)
    host.write(r"C:\k\bootstrap.conf", BOOTSTRAP.format(server=server, token=token).encode())
    configuration = KUBELET_CONFIGURATION.format(address=address, port=port, health_port=health_port)
    host.write(r"C:\var\lib\kubelet\config.yaml", configuration.encode())
    arguments = [
        r"--config C:\var\lib\kubelet\config.yaml",
        r"--bootstrap-kubeconfig C:\k\bootstrap.conf --kubeconfig C:\k\kubelet.conf --cert-dir C:\k\pki",
        rf"--hostname-override {host.identity.computer_name} --node-ip {address} --root-dir C:\var\lib\kubelet",
    ]
    host.create_service(
        ServiceConfiguration(
            "kubelet",
            "kubelet",
            rf"C:\k\kubelet.exe --windows-service {' '.join(arguments)}",
            dependencies=("containerd",),
            failure_actions=RESTART_SOON,
            failure_reset_seconds=3600,
        )
    )
