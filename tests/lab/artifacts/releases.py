"""Release files as their vendors publish them, around the binaries that build.py made.

Layouts, after github.com/containerd/containerd/releases and dl.k8s.io:

    containerd-<version>-windows-amd64.tar.gz            bin/containerd.exe, bin/ctr.exe, bin/containerd-shim-…exe
    containerd-<version>-windows-amd64.tar.gz.sha256sum  "<hex>  <archive>"
    kubelet.exe, kubeadm.exe, kube-log-runner.exe
    kubelet.exe.sha256, ...                              "<hex>"
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
from pathlib import Path

from lab.build import Workshop

MODEL_PROGRAMS = ("containerd.exe", "containerd-shim-runhcs-v1.exe", "ctr.exe")
CONTAINERD_ARCHIVE = "containerd-{version}-windows-amd64.tar.gz"


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_archive(path: Path, members: dict[str, Path]) -> None:
    """A .tar.gz whose bytes depend on nothing but the members' names and content."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for folder in sorted({name.rpartition("/")[0] for name in members} - {""}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, source in sorted(members.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = source.stat().st_size, 0o755
            with source.open("rb") as content:
                archive.addfile(entry, content)


def make_containerd_release(workshop: Workshop) -> None:
    name = CONTAINERD_ARCHIVE.format(version=workshop.version)
    archive = workshop.output / name
    write_archive(archive, {f"bin/{part.path.name}": part.path for part in workshop.parts})
    (workshop.output / f"{name}.sha256sum").write_text(f"{sha256(archive)}  {name}\n")


def make_model_containerd_release(workshop: Workshop) -> None:
    """A release whose programs say their version in the way that a model node reads (host/model.py)."""
    name = CONTAINERD_ARCHIVE.format(version=workshop.version)
    programs = [_model_program(workshop, program) for program in MODEL_PROGRAMS]
    write_archive(workshop.output / name, {f"bin/{path.name}": path for path in programs})
    (workshop.output / f"{name}.sha256sum").write_text(f"{sha256(workshop.output / name)}  {name}\n")


def make_model_kubelet_release(workshop: Workshop) -> None:
    """The same for the kubelet."""
    binary = _model_program(workshop, "kubelet.exe").rename(workshop.output / "kubelet.exe")
    (workshop.output / "kubelet.exe.sha256").write_text(sha256(binary))


def _model_program(workshop: Workshop, name: str) -> Path:
    path = workshop.scratch / name
    path.write_text(f"MZ model {name} version={workshop.version}")
    return path


def make_program_release(workshop: Workshop) -> None:
    """A program as dl.k8s.io serves it: the file, and its hash beside it."""
    (part,) = workshop.parts
    binary = workshop.output / part.path.name
    try:
        os.link(part.path, binary)
    except OSError:  # another file system
        shutil.copy(part.path, binary)
    (workshop.output / f"{binary.name}.sha256").write_text(sha256(binary))
