"""The artifact server: vendors' layouts, real checksums, real digests, and downloads that go wrong."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lab import build, products
from lab.artifacts import releases
from lab.artifacts.server import ArtifactServer
from lab.build import Recipe
from lab.faults import Fault

BINARIES = {
    "containerd": ("containerd.exe", b"MZ containerd " * 50_000),
    "ctr": ("ctr.exe", b"MZ ctr"),
    "shim": ("containerd-shim-runhcs-v1.exe", b"MZ shim"),
    "kubelet": ("kubelet.exe", b"MZ kubelet " * 50_000),
    "kubeadm": ("kubeadm.exe", b"MZ kubeadm"),
    "kube-log-runner": ("kube-log-runner.exe", b"MZ kube-log-runner"),
}


@pytest.fixture
def stand_ins(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files in place of the vendors' binaries; everything after them is the real thing."""

    def row(name: str) -> Recipe:
        file, content = BINARIES[name]

        def make(workshop: build.Workshop) -> None:
            (workshop.output / file).write_bytes(content + workshop.version.encode())

        return Recipe(name, make, result=file)

    real = [one for one in products.RECIPES if one.name.endswith("-release")]
    monkeypatch.setattr(products, "RECIPES", [*map(row, BINARIES), *real])
    for name, version in (
        ("containerd-release", "2.2.9"),
        ("containerd-release", "2.1.9"),
        ("kubelet-release", "1.36.3"),
    ):
        build.ensure(name, version)


@pytest.fixture
def server(stand_ins: None) -> Iterator[ArtifactServer]:
    with ArtifactServer() as started:
        yield started


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(("version", "shim"), [("2.2.9", "0.14.1"), ("2.1.9", "0.13.0")])
def test_a_containerd_archive_holds_that_version_with_its_own_shim(
    server: ArtifactServer, version: str, shim: str
) -> None:
    reply = requests.get(server.containerd_url(version))
    assert reply.headers.get("Content-Encoding") is None  # a client must not unpack it in transit
    with tarfile.open(fileobj=io.BytesIO(reply.content), mode="r:gz") as archive:
        content = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    assert content == {
        "bin/containerd.exe": BINARIES["containerd"][1] + version.encode(),
        "bin/ctr.exe": BINARIES["ctr"][1] + version.encode(),
        "bin/containerd-shim-runhcs-v1.exe": BINARIES["shim"][1] + shim.encode(),
    }


def test_the_checksum_file_is_what_sha256sum_checks(server: ArtifactServer) -> None:
    url = server.containerd_url("2.2.9")
    file = url.rpartition("/")[2]
    assert requests.get(f"{url}.sha256sum").text == f"{sha256(requests.get(url).content)}  {file}\n"
    assert server.containerd_sha256("2.2.9") == sha256(requests.get(url).content)


def test_the_kubelet_lies_where_dl_k8s_io_has_it(server: ArtifactServer) -> None:
    url = server.url("/v1.36.3/bin/windows/amd64/kubelet.exe")
    assert server.kubelet_url("1.36.3") == url
    content = requests.get(url).content
    assert content == BINARIES["kubelet"][1] + b"1.36.3"
    assert requests.get(f"{url}.sha256").text == server.kubelet_sha256("1.36.3") == sha256(content)


def test_an_archive_made_again_has_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "a.exe"
    source.write_bytes(b"MZ" * 1000)
    digests = set()
    for number in range(2):
        archive = tmp_path / f"{number}.tar.gz"
        releases.write_archive(archive, {"bin/a.exe": source, "bin/b.exe": source})
        digests.add(releases.sha256(archive))
        time.sleep(1.1)  # longer than the resolution of the times that tar and gzip could keep
        source.touch()
    assert len(digests) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1.99.0/bin/windows/amd64/kubelet.exe",
        "/v1.36.3/bin/windows/amd64/kubeadm.exe",
        "/v1.36.3/bin/windows/amd64/..%2f..%2fkubelet.exe",
    ],
)
def test_what_is_not_there_is_404(server: ArtifactServer, path: str) -> None:
    assert requests.get(server.url(path)).status_code == 404


def test_only_loopback_listens(server: ArtifactServer) -> None:
    assert server.url().startswith("http://127.0.0.1:")


def test_a_corrupt_download_has_the_right_length_and_the_wrong_content_once(server: ArtifactServer) -> None:
    url = server.kubelet_url("1.36.3")
    server.faults.add(Fault("corrupt_download", "kubelet.exe"))
    good = BINARIES["kubelet"][1] + b"1.36.3"
    bad = requests.get(url).content
    assert len(bad) == len(good)
    assert bad != good
    assert requests.get(url).content == good


def test_a_fault_strikes_only_what_it_is_meant_for(server: ArtifactServer) -> None:
    server.faults.add(Fault("error_download", "kubelet.exe"))
    assert requests.get(server.containerd_url("2.2.9")).status_code == 200
    assert requests.get(server.kubelet_url("1.36.3")).status_code == 500
    assert server.faults.struck == ["error_download"]


def test_a_fault_without_end_strikes_until_it_is_cleared(server: ArtifactServer) -> None:
    server.faults.add(Fault("error_download", times=None))
    assert [requests.get(server.url("/v2/")).status_code for _ in range(3)] == [500] * 3
    server.faults.clear()
    assert requests.get(server.url("/v2/")).status_code == 200


def test_a_cut_download_ends_in_the_middle(server: ArtifactServer) -> None:
    server.faults.add(Fault("cut_download"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        requests.get(server.kubelet_url("1.36.3"))


def test_a_slow_download_takes_its_time(server: ArtifactServer) -> None:
    size = len(BINARIES["kubelet"][1])
    server.faults.add(Fault("slow_download", bytes_per_second=size * 2))
    began = time.monotonic()
    requests.get(server.kubelet_url("1.36.3"))
    assert time.monotonic() - began > 0.4


def test_an_image_is_consistent_down_to_its_layers(artifacts: ArtifactServer) -> None:
    """What containerd verifies: every digest and size names the bytes that come; the image is windows/amd64."""
    base = artifacts.url("/v2/some/group/agent")
    reply = requests.get(f"{base}/manifests/1.0")
    assert reply.headers["Docker-Content-Digest"] == f"sha256:{sha256(reply.content)}"
    manifest = reply.json()
    assert reply.headers["Content-Type"] == manifest["mediaType"]
    for part in [manifest["config"], *manifest["layers"]]:
        content = requests.get(f"{base}/blobs/{part['digest']}").content
        assert (len(content), f"sha256:{sha256(content)}") == (part["size"], part["digest"])
    configuration = requests.get(f"{base}/blobs/{manifest['config']['digest']}").json()
    assert (configuration["os"], configuration["architecture"]) == ("windows", "amd64")
    layer = gzip.decompress(requests.get(f"{base}/blobs/{manifest['layers'][0]['digest']}").content)
    assert configuration["rootfs"]["diff_ids"] == [f"sha256:{sha256(layer)}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        assert archive.getnames() == ["Files"]
    again = requests.get(f"{base}/manifests/{reply.headers['Docker-Content-Digest']}")
    assert again.content == reply.content


def test_a_registry_answers_head_requests_as_get(artifacts: ArtifactServer) -> None:
    url = artifacts.url("/v2/agent/manifests/1")
    head, get = requests.head(url), requests.get(url)
    for name in ("Docker-Content-Digest", "Content-Length", "Content-Type"):
        assert head.headers[name] == get.headers[name]


def test_two_tags_are_two_images(artifacts: ArtifactServer) -> None:
    digests = {
        requests.head(artifacts.url(f"/v2/{path}")).headers["Docker-Content-Digest"]
        for path in ("a/manifests/1", "a/manifests/2", "b/manifests/1")
    }
    assert len(digests) == 3


def test_a_missing_image_is_said_as_registries_do(artifacts: ArtifactServer) -> None:
    reply = requests.get(artifacts.url("/v2/missing/agent/manifests/1"))
    assert reply.status_code == 404
    assert reply.json()["errors"][0]["code"] == "MANIFEST_UNKNOWN"
    never_given = f"sha256:{sha256(b'x')}"
    assert requests.get(artifacts.url(f"/v2/agent/manifests/{never_given}")).status_code == 404
    assert requests.get(artifacts.url(f"/v2/agent/blobs/{never_given}")).status_code == 404


def test_a_stopped_server_can_be_started_at_once(stand_ins: None) -> None:
    for _ in range(2):
        with ArtifactServer() as server:
            url = server.url("/v2/")
            assert requests.get(url).status_code == 200
        with pytest.raises(requests.ConnectionError):
            requests.get(url)


def test_model_nodes_get_releases_that_say_their_version_as_models_read_it(own_cache: Path) -> None:
    build.ensure("model-kubelet-release", products.KUBERNETES)
    with ArtifactServer(for_models=True) as server:
        checksum = server.containerd_sha256(products.CONTAINERD)
        archive = requests.get(server.containerd_url(products.CONTAINERD)).content
        assert sha256(archive) == checksum
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
            program = opened.extractfile("bin/containerd.exe").read()
        assert program == f"MZ model containerd.exe version={products.CONTAINERD}".encode()
        assert server.containerd_versions() == [products.CONTAINERD]
        kubelet = requests.get(server.kubelet_url(products.KUBERNETES)).content
        assert kubelet == f"MZ model kubelet.exe version={products.KUBERNETES}".encode()
