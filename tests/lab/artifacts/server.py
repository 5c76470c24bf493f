"""The web server on loopback from which roles download releases and containerd pulls images."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from lab import build
from lab.artifacts.images import Images
from lab.artifacts.releases import CONTAINERD_ARCHIVE
from lab.background import BackgroundLoop
from lab.faults import Fault, Faults
from lab.lifecycle import Startable
from lab.network import LOOPBACK

CHUNK = 64 * 1024

# The path below the server's root, the product that lies there, and how a version is written into the path. The
# paths are those of github.com and dl.k8s.io, so that a user's URL differs from the laboratory's in the host only.
CONTAINERD_PATH = "/containerd/containerd/releases/download/v{version}/{file}"
KUBELET_PATH = "/v{version}/bin/windows/amd64/{file}"
# The other programs of Kubernetes, by their release; they are built on request only.
KUBERNETES_PROGRAMS = {"kubeadm.exe": "kubeadm-release", "kube-log-runner.exe": "kube-log-runner-release"}


class ArtifactServer(Startable):
    """Serves every version that is built; each version's archive is made once and kept in the cache.

    Args:
        for_models: the releases that model nodes understand, in place of the vendors' programs.

    Attributes:
        faults: what goes wrong with downloads (lab.faults.ARTIFACT_FAULTS).
        requests: the paths that were asked for, in order.
    """

    def __init__(self, faults: Faults | None = None, *, for_models: bool = False) -> None:
        kind = "model-" if for_models else ""
        self._containerd, self._kubelet = f"{kind}containerd-release", f"{kind}kubelet-release"
        self.faults = faults or Faults()
        self.images = Images()
        self.requests: list[str] = []
        self.port = 0
        self._background: BackgroundLoop | None = None
        self._runner: web.AppRunner | None = None

    def start(self) -> None:
        self._background = BackgroundLoop("artifacts")
        try:
            self._background.run(self._listen())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self._background:
            if self._runner:
                self._background.run(self._runner.cleanup())
                self._runner = None
            self._background.stop()
            self._background = None

    @property
    def registry(self) -> str:
        """The registry's host and port, as an image reference begins."""
        return f"{LOOPBACK}:{self.port}"

    def url(self, path: str = "") -> str:
        return f"http://{self.registry}{path}"

    def containerd_url(self, version: str) -> str:
        """The archive of a containerd version; its checksum lies beside it, with ``.sha256sum``."""
        file = CONTAINERD_ARCHIVE.format(version=version)
        return self.url(CONTAINERD_PATH.format(version=version, file=file))

    def containerd_versions(self) -> list[str]:
        """The versions that are built, of those that the laboratory has."""
        return build.built_versions(self._containerd)

    def containerd_sha256(self, version: str) -> str:
        file = CONTAINERD_ARCHIVE.format(version=version)
        return (build.ensure(self._containerd, version) / f"{file}.sha256sum").read_text().split()[0]

    def kubelet_url(self, version: str) -> str:
        """The kubelet of a Kubernetes version; its checksum lies beside it, with ``.sha256``."""
        return self.url(KUBELET_PATH.format(version=version, file="kubelet.exe"))

    def kubelet_sha256(self, version: str) -> str:
        return (build.ensure(self._kubelet, version) / "kubelet.exe.sha256").read_text().strip()

    def program_url(self, file: str, version: str) -> str:
        """Another program of a Kubernetes version: kubeadm.exe, kube-log-runner.exe."""
        return self.url(KUBELET_PATH.format(version=version, file=file))

    def program_sha256(self, file: str, version: str) -> str:
        return (build.ensure(KUBERNETES_PROGRAMS[file], version) / f"{file}.sha256").read_text().strip()

    async def _listen(self) -> None:
        application = web.Application(middlewares=[self._record])
        application.add_routes(
            [
                web.get(CONTAINERD_PATH, self._release(self._containerd)),
                *(
                    web.get(KUBELET_PATH.replace("{file}", f"{{file:{file}(?:.sha256)?}}"), self._release(product))
                    for file, product in KUBERNETES_PROGRAMS.items()
                ),
                web.get(KUBELET_PATH, self._release(self._kubelet)),
                *self.images.routes(),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self.port).start()
        self.port = self._runner.addresses[0][1]

    @web.middleware
    async def _record(self, request: web.Request, handler: Callable) -> web.StreamResponse:
        self.requests.append(request.path)
        if self.faults.take("error_download", request.path):
            return web.Response(status=500, text="the laboratory was asked to fail this download\n")
        return await handler(request)

    def _release(self, product: str) -> Callable:
        async def answer(request: web.Request) -> web.StreamResponse:
            order = build.order(product, request.match_info["version"])
            path = order.path / request.match_info["file"]
            if not order.is_built() or not path.is_file():
                return web.Response(status=404, text=f"{request.path}: this version is not built (lab build)\n")
            return await self._send(request, path)

        return answer

    async def _send(self, request: web.Request, path: Path) -> web.StreamResponse:
        def fault(kind: str) -> Fault | None:
            return self.faults.take(kind, request.path) if request.method == "GET" else None

        corrupt, cut, slow = fault("corrupt_download"), fault("cut_download"), fault("slow_download")
        if not (corrupt or cut or slow):
            return web.FileResponse(path)
        size = path.stat().st_size
        response = web.StreamResponse(headers={"Content-Type": "application/octet-stream", "Content-Length": str(size)})
        await response.prepare(request)
        sent = 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                if corrupt and sent == 0:
                    chunk = bytes([chunk[0] ^ 1]) + chunk[1:]
                if cut and sent + len(chunk) > size // 2:
                    request.transport.abort()
                    return response
                await response.write(chunk)
                sent += len(chunk)
                if slow:
                    await asyncio.sleep(len(chunk) / slow.bytes_per_second)
        await response.write_eof()
        return response
