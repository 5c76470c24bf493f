"""An image registry that has a small made-up windows/amd64 image under every name, except below ``missing/``.

The layer is a real, nearly empty one: a HostProcess container sees the host's files, and binary nodes keep snapshots as
empty folders (tests/lab/windows/snapshotter). Source: OCI distribution specification, image manifest schema 2.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile

from aiohttp import web

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIGURATION = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OPERATING_SYSTEM_VERSION = "10.0.20348.2227"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _layer() -> bytes:
    """A Windows layer: everything lies below Files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo("Files")
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
    return buffer.getvalue()


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(content), "digest": digest(content)}


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


class Images:
    """Images by name and tag, and everything that was handed out by its digest."""

    def __init__(self) -> None:
        self._uncompressed = _layer()
        self._layer = gzip.compress(self._uncompressed, mtime=0)
        self._blobs = {digest(self._layer): self._layer}
        self._manifests: dict[tuple[str, str], bytes] = {}

    def manifest(self, name: str, reference: str) -> bytes | None:
        """The manifest of a name's tag, or of a digest that this name was answered with before."""
        if name.startswith("missing/"):
            return None
        if reference.startswith("sha256:"):
            return self._manifests.get((name, reference))
        configuration = _json(
            {
                "architecture": "amd64",
                "os": "windows",
                "os.version": OPERATING_SYSTEM_VERSION,
                "config": {"Entrypoint": ["cmd.exe"], "Labels": {"name": f"{name}:{reference}"}},
                "rootfs": {"type": "layers", "diff_ids": [digest(self._uncompressed)]},
                "history": [],
            }
        )
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _descriptor(CONFIGURATION, configuration),
                "layers": [_descriptor(LAYER, self._layer)],
            }
        )
        self._blobs[digest(configuration)] = configuration
        self._manifests[name, digest(manifest)] = manifest
        return manifest

    def blob(self, wanted: str) -> bytes | None:
        return self._blobs.get(wanted)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2/", self._answer_version),
            web.get("/v2/{name:.+}/manifests/{reference}", self._answer_manifest),
            web.get("/v2/{name:.+}/blobs/{digest}", self._answer_blob),
        ]

    async def _answer_version(self, request: web.Request) -> web.Response:
        return web.json_response({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})

    async def _answer_manifest(self, request: web.Request) -> web.Response:
        name, reference = request.match_info["name"], request.match_info["reference"]
        content = self.manifest(name, reference)
        if content is None:
            return _unknown("MANIFEST_UNKNOWN", f"{name}:{reference}")
        return _answer(content, MANIFEST)

    async def _answer_blob(self, request: web.Request) -> web.Response:
        content = self.blob(request.match_info["digest"])
        if content is None:
            return _unknown("BLOB_UNKNOWN", request.match_info["digest"])
        return _answer(content, "application/octet-stream")


def _answer(content: bytes, media_type: str) -> web.Response:
    return web.Response(body=content, content_type=media_type, headers={"Docker-Content-Digest": digest(content)})


def _unknown(code: str, what: str) -> web.Response:
    message = code.replace("_", " ").lower()
    return web.json_response({"errors": [{"code": code, "message": message, "detail": what}]}, status=404)
