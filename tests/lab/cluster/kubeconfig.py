"""Kubeconfig files: written with everything embedded, and read for what the laboratory needs to know."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.cluster.certificates import KeyPair, write_private
from lab.errors import LabError


@dataclass(frozen=True)
class Endpoint:
    """Where a cluster's API is, and the certificate authority that proves it."""

    url: str
    ca_pem: str


def write(path: Path, endpoint: Endpoint, user: str, credentials: KeyPair | str) -> Path:
    """A kubeconfig of one user with a client certificate, or with a token; only its owner may read it."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "lab",
                "cluster": {"server": endpoint.url, "certificate-authority-data": _encode(endpoint.ca_pem.encode())},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {"token": credentials} if isinstance(credentials, str) else _certificate(credentials),
            }
        ],
        "contexts": [{"name": f"{user}@lab", "context": {"cluster": "lab", "user": user}}],
        "current-context": f"{user}@lab",
    }
    return write_private(path, yaml.safe_dump(content, sort_keys=False))


def read(path: Path) -> Endpoint:
    """The endpoint of a kubeconfig's current context.

    Raises:
        LabError: it can't be read, or it names no certificate authority, which a joining kubelet needs.
    """
    try:
        content = yaml.safe_load(path.read_text())
        context = _named(content["contexts"], content["current-context"])["context"]
        cluster = _named(content["clusters"], context["cluster"])["cluster"]
        url = cluster["server"]
    except (OSError, yaml.YAMLError, KeyError, TypeError, StopIteration) as error:
        raise LabError(f"{path} can't be used as a kubeconfig: {type(error).__name__}: {error}") from error
    if data := cluster.get("certificate-authority-data"):
        return Endpoint(url, base64.b64decode(data).decode())
    if file := cluster.get("certificate-authority"):
        return Endpoint(url, (path.parent / file).read_text())
    raise LabError(f"{path}: cluster {context['cluster']} names no certificate authority; kubelets need it to join.")


def _certificate(credentials: KeyPair) -> dict[str, str]:
    return {
        "client-certificate-data": _encode(credentials.certificate.read_bytes()),
        "client-key-data": _encode(credentials.key.read_bytes()),
    }


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _named(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["name"] == name)
