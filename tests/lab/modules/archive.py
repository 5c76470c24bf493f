"""tar.exe as Windows ships it (bsdtar), for extraction only, onto a Host."""

from __future__ import annotations

import argparse
import io
import re
import tarfile
from typing import Any

from lab.errors import HostError, NotModelled
from lab.host.interface import Completed, Host
from lab.modules import files

# What a Windows file name cannot hold, and the names of devices.
_IMPOSSIBLE = re.compile(r'[<>:"|?*\x00-\x1f]|[ .]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)', re.I)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise NotModelled(f"tar.exe with these arguments ({message})")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("-x", action="store_true", required=True)
    parser.add_argument("-z", "-v", "-m", action="store_true", dest="ignored")
    parser.add_argument("-f", required=True, dest="archive")
    parser.add_argument("-C", default="", dest="directory")
    parser.add_argument("--strip-components", type=int, default=0)
    parser.add_argument("members", nargs="*")
    return parser


def tar(host: Host, arguments: list[str], directory: str) -> Completed:
    """Run ``tar -xf``; other uses are not modelled.

    Args:
        directory: the working directory.
    """
    words = ["-" + arguments[0], *arguments[1:]] if arguments and re.fullmatch(r"x[zvm]*f", arguments[0]) else arguments
    options = _parser().parse_intermixed_args(words)
    target = (
        files.join(directory, options.directory) if options.directory and directory else options.directory or directory
    )
    if not target:
        raise NotModelled("tar.exe without -C and without a working directory")
    try:
        content = host.read(options.archive)
    except HostError as exc:
        return Completed(
            1, stderr=f"tar: Error opening archive: Failed to open '{options.archive}' ({exc.code})\r\n".encode()
        )
    if not files.is_directory(host, target):
        return Completed(1, stderr=f"tar: could not chdir to '{target}'\r\n".encode())
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            return _extract(host, archive, target, options)
    except (tarfile.TarError, EOFError, OSError) as exc:
        if isinstance(exc, HostError):
            raise
        return Completed(1, stderr=f"tar: Error opening archive: Unrecognized archive format ({exc})\r\n".encode())


def _extract(host: Host, archive: tarfile.TarFile, target: str, options: argparse.Namespace) -> Completed:
    asked, found, errors = [member.rstrip("/") for member in options.members], set(), []
    for entry in archive:
        name = entry.name.removeprefix("./")
        wanted = [member for member in asked if name == member or name.startswith(member + "/")]
        if asked and not wanted:
            continue
        found.update(wanted)
        parts = [part for part in name.split("/") if part not in ("", ".")][options.strip_components :]
        if parts:
            errors += _write(host, archive, entry, parts, target)
    errors += [f"tar: {member}: Not found in archive" for member in asked if member not in found]
    if errors:
        errors.append("tar: Error exit delayed from previous errors.")
    return Completed(1 if errors else 0, stderr="".join(f"{error}\r\n" for error in errors).encode())


def _write(host: Host, archive: tarfile.TarFile, entry: tarfile.TarInfo, parts: list[str], target: str) -> list[str]:
    """Write one member; returns what went wrong."""
    if ".." in parts:
        return [f"tar: {entry.name}: Path contains '..'"]
    if any(_IMPOSSIBLE.search(part) for part in parts):
        raise NotModelled(f"extracting {entry.name!r}, which is no Windows file name,")
    path = files.join(target, *parts)
    try:
        if entry.isdir():
            host.make_directory(path)
        elif entry.isreg():
            host.make_directory(files.parent(path))
            host.write(path, archive.extractfile(entry).read())
        else:
            raise NotModelled(f"extracting {entry.name!r}, which is a link or device,")
    except HostError as exc:
        return [f"tar: {entry.name}: Can't create '{path}': {exc}"]
    return []
