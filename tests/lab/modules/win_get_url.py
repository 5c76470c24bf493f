"""ansible.windows.win_get_url: a real download by the machine that runs the laboratory, written onto the node."""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

from lab.errors import HostError, NotModelled
from lab.host.interface import Host
from lab.modules import files
from lab.modules.emulation import Emulation, ModuleFailure

_NOT_MODELLED = ("client_cert", "client_cert_password", "proxy_url", "proxy_username", "proxy_password")
_CHUNK = 1 << 20


def _run(host: Host, parameters: dict[str, Any], check_mode: bool, _diff: bool) -> dict[str, Any]:
    for name in _NOT_MODELLED:
        if parameters.get(name) is not None:
            raise NotModelled(f"win_get_url with {name}")
    return _Download(host, parameters, check_mode).result_of_run()


class _Download:
    """One run of the module; ``result`` grows as the real module's does, and is part of a failure too."""

    def __init__(self, host: Host, parameters: dict[str, Any], check_mode: bool) -> None:
        self.host = host
        self.parameters = parameters
        self.check_mode = check_mode
        self.url = parameters["url"]
        self.algorithm = parameters["checksum_algorithm"].strip().lower()
        self.result: dict[str, Any] = {"changed": False, "elapsed": 0, "url": self.url}
        self.destination = parameters["dest"]

    def fail(self, message: str) -> ModuleFailure:
        return ModuleFailure(message, **self.result)

    def result_of_run(self) -> dict[str, Any]:
        """Decide whether to download, as the real module does, and do it."""
        self.destination = self._destination()
        self.result["dest"] = self.destination
        checksum = self._checksum()
        present = files.checksum(self.host, self.destination, self.algorithm) if self._is_there() else None
        force = self.parameters["force"] or bool(present and checksum and present != checksum)
        if present and checksum and present == checksum and not force:
            pass  # as expected already
        elif force or present is None or self._is_newer():
            self._fetch(checksum, present)
        if self._is_there():
            self.result["checksum_dest"] = files.checksum(self.host, self.destination, self.algorithm)
            self.result["size"] = self.host.status(self.destination).size
        return self.result

    def _is_there(self) -> bool:
        return files.is_file(self.host, self.destination)

    def _destination(self) -> str:
        destination = self.parameters["dest"]
        if files.is_directory(self.host, destination):
            parts = urlsplit(self.url)
            return files.join(destination, unquote(parts.path.rsplit("/", 1)[-1]) or parts.hostname)
        if destination.endswith(("/", "\\")):
            raise self.fail(
                f"The destination path '{destination}' does not exist, or is not visible to the current user. Ensure "
                "download destination folder exists (perhaps using win_file state=directory) before win_get_url runs."
            )
        return destination

    def _checksum(self) -> str | None:
        url = (self.parameters["checksum_url"] or "").strip()
        if not url:
            return (self.parameters["checksum"] or "").strip().lower() or None
        if urlsplit(url).scheme not in ("file", "ftp", "http", "https"):
            raise self.fail(f"Unsupported 'checksum_url' value for '{self.destination}': '{url}'")
        try:
            lines = self._request("GET", url).text.splitlines()
        except _RequestFailed as exc:
            raise self.fail(f"Error when getting the remote checksum from '{url}'. {exc}") from exc
        name = re.escape(unquote(urlsplit(self.url).path.rsplit("/", 1)[-1]))
        found = next((line for line in lines if re.search(rf"\s+\.?/?\\?{name}\s*$", line, re.I)), None)
        if found is None:
            raise self.fail(f"Checksum record not found for file name '{name}' in file from url: '{url}'")
        return re.sub(r"\W+", "", found.split(" ", 1)[0])

    def _is_newer(self) -> bool:
        """force=false: whether the server's file is newer than the node's."""
        try:
            response = self._request("HEAD", self.url)
        except _RequestFailed as exc:
            raise self.fail(f"Error when requesting 'Last-Modified' date from '{self.url}'. {exc}") from exc
        stamp = response.headers.get("Last-Modified")
        # .NET: without the header, now.
        modified = parsedate_to_datetime(stamp).astimezone(UTC).timestamp() if stamp else time.time()
        return modified > self.host.status(self.destination).modified

    def _fetch(self, checksum: str | None, present: str | None) -> None:
        parent = files.parent(self.destination)
        if not files.is_directory(self.host, parent):
            raise self.fail(
                f"The path '{parent}' does not exist for destination '{self.destination}', or is not visible to the "
                "current user. Ensure download destination folder exists (perhaps using win_file state=directory) "
                "before win_get_url runs."
            )
        with tempfile.NamedTemporaryFile() as temporary:
            digest = self._save(temporary)
            self.result["checksum_src"] = digest
            if checksum and checksum.lower() != digest:
                raise self.fail(f"The checksum for {self.url} did not match '{checksum}', it was '{digest}'")
            if present == digest:
                return
            if not self.check_mode:
                try:
                    self.host.write(self.destination, Path(temporary.name))
                except HostError as exc:
                    raise self.fail(f"Error downloading '{self.url}' to '{self.destination}': {exc}") from exc
        self.result["changed"] = True

    def _save(self, file: Any) -> str:
        digest = hashlib.new(self.algorithm)
        try:
            response = self._request(self.parameters["url_method"] or "GET", self.url)
            for chunk in response.iter_content(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
        except (_RequestFailed, requests.RequestException) as exc:
            raise self.fail(f"Error downloading '{self.url}' to '{self.destination}': {exc}") from exc
        file.flush()
        return digest.hexdigest()

    def _request(self, method: str, url: str) -> requests.Response:
        if urlsplit(url).scheme not in ("http", "https"):
            raise NotModelled(f"win_get_url from {url}")
        parameters, started = self.parameters, time.monotonic()
        user = parameters["url_username"]
        with requests.Session() as session:
            session.trust_env = False  # the node's proxy settings, not this machine's
            session.headers["User-Agent"] = parameters["http_agent"]
            try:
                response = session.request(
                    method, url, headers=parameters["headers"], timeout=parameters["url_timeout"] or None, stream=True,
                    verify=parameters["validate_certs"], auth=(user, parameters["url_password"]) if user else None,
                )  # fmt: skip
            except requests.exceptions.SSLError as exc:
                raise _RequestFailed(
                    "The underlying connection was closed: Could not establish trust relationship for the SSL/TLS "
                    "secure channel."
                ) from exc
            except requests.Timeout as exc:
                raise _RequestFailed("The operation has timed out") from exc
            except requests.RequestException as exc:
                raise _RequestFailed("Unable to connect to the remote server") from exc
        self.result["elapsed"] = time.monotonic() - started
        self.result |= {"status_code": response.status_code, "msg": response.reason}
        if not response.ok:
            raise _RequestFailed(f"The remote server returned an error: ({response.status_code}) {response.reason}.")
        return response


class _RequestFailed(Exception):
    """A request ended without a usable answer; the text is .NET's."""


EMULATION = Emulation(_run, mutually_exclusive=(("checksum", "checksum_url"),))
