"""What several emulations ask of a node's files."""

from __future__ import annotations

import hashlib
import ntpath

from lab.host.interface import Host


def is_directory(host: Host, path: str) -> bool:
    """Test-Path -PathType Container."""
    status = host.status(path)
    return status is not None and status.is_directory


def is_file(host: Host, path: str) -> bool:
    """Test-Path -PathType Leaf."""
    status = host.status(path)
    return status is not None and not status.is_directory


def exists(host: Host, path: str) -> bool:
    """Test-Path."""
    return host.status(path) is not None


def checksum(host: Host, path: str, algorithm: str = "sha1") -> str:
    """A file's digest; large files of a binary node are read from where they lie."""
    local = host.local_path(path)
    if local is None:
        return hashlib.new(algorithm, host.read(path)).hexdigest()
    with local.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def parent(path: str) -> str:
    """Split-Path: the folder above; empty for a bare name."""
    return ntpath.dirname(path.rstrip("\\/"))


def leaf(path: str) -> str:
    """Split-Path -Leaf: the last name."""
    return ntpath.basename(path.replace("/", "\\").rstrip("\\"))


def join(*parts: str) -> str:
    """Join-Path."""
    return ntpath.normpath(ntpath.join(parts[0], *[part.strip("\\/") for part in parts[1:]]))


def tree_size(host: Host, path: str) -> int:
    """Bytes of all files in a folder."""
    status = host.status(path)
    if status is None or not status.is_directory:
        return status.size if status else 0
    return sum(tree_size(host, join(path, name)) for name in host.list_directory(path))
