"""What the wire's tests share: a certificate authority, a served node, and stock ansible-playbook against it."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parents[2]
CORES = ("2.19", "2.21")
USER, PASSWORD = "Administrator", "Correct-Horse-1"


@dataclass(frozen=True)
class Certificates:
    """PEM files: an authority, a node's certificate with key, and an authority that signed nothing."""

    authority: Path
    certificate: Path
    key: Path
    other_authority: Path


def make_certificates(directory: Path, address: str) -> Certificates:
    """A fresh authority and a certificate for one address."""
    authority_key, other_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority = _certificate("authority", authority_key, "authority", authority_key, authority=True)
    other = _certificate("other", other_key, "other", other_key, authority=True)
    leaf = _certificate("win", key, "authority", authority_key, address=address)
    pem = serialization.Encoding.PEM
    files = Certificates(*(directory / name for name in ("ca.pem", "node.pem", "node.key", "other.pem")))
    files.authority.write_bytes(authority.public_bytes(pem))
    files.other_authority.write_bytes(other.public_bytes(pem))
    files.certificate.write_bytes(leaf.public_bytes(pem))
    private = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.key.write_bytes(key.private_bytes(pem, *private))
    return files


def _certificate(subject, key, issuer, issuer_key, *, authority=False, address=None):
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if authority:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    if address:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def core_or_skip(core: str) -> Path:
    """The virtual environment of an ansible-core; the test is skipped, saying so, when it is not there."""
    folder = ROOT / "build" / f"core-{core}"
    if not (folder / "venv" / "bin" / "ansible-playbook").is_file():
        pytest.skip(f"ansible-core {core} is not in build/core-{core}: run the bootstrap first")
    return folder


TRANSPORTS: dict[str, dict[str, Any]] = {
    "ntlm_http": {
        "ansible_winrm_transport": "ntlm",
        "ansible_winrm_scheme": "http",
        "ansible_winrm_message_encryption": "always",
    },
    "basic_https": {"ansible_winrm_transport": "basic", "ansible_winrm_scheme": "https"},
    "ntlm_https": {"ansible_winrm_transport": "ntlm", "ansible_winrm_scheme": "https"},
    "psrp_http": {
        "ansible_connection": "psrp",
        "ansible_psrp_auth": "ntlm",
        "ansible_psrp_protocol": "http",
        "ansible_psrp_message_encryption": "always",
    },
    "psrp_https": {"ansible_connection": "psrp", "ansible_psrp_auth": "basic", "ansible_psrp_protocol": "https"},
}


@dataclass
class Run:
    """How an ansible-playbook run ended: its exit code, its text, and the results by task name."""

    exit_code: int
    text: str
    results: dict[str, dict[str, Any]]

    def __getitem__(self, task: str) -> dict[str, Any]:
        assert task in self.results, f"no task {task!r} ran:\n{self.text}"
        return self.results[task]


def play(
    core: str, directory: Path, server, certificates: Certificates, tasks: list[dict], *,
    transport: str = "ntlm_http", extra: list[str] | None = None, timeout: float = 120, **variables: Any,
) -> Run:  # fmt: skip
    """Run tasks with stock ansible-playbook of one core against a served node."""
    folder = core_or_skip(core)
    secure = transport.endswith("https")
    host = {
        "ansible_host": server.address,
        "ansible_port": server.https_port if secure else server.http_port,
        "ansible_connection": "winrm",
        "ansible_user": USER,
        "ansible_password": PASSWORD,
        "ansible_winrm_ca_trust_path": str(certificates.authority),
        "ansible_psrp_ca_cert": str(certificates.authority),
        **TRANSPORTS.get(transport, {}),
        **variables,
    }
    inventory, playbook = directory / "inventory.yml", directory / "play.yml"
    inventory.write_text(yaml.safe_dump({"windows": {"hosts": {"win": host}}}))
    playbook.write_text(yaml.safe_dump([{"hosts": "windows", "gather_facts": False, "tasks": tasks}], sort_keys=False))
    configuration, record = directory / "ansible.cfg", directory / "results"
    configuration.write_text("[defaults]\n")
    record.write_text("")
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callbacks")),
        "ANSIBLE_CALLBACKS_ENABLED": "record",
        "LAB_RECORD": str(record),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_CONFIG": str(configuration),
        "ANSIBLE_PYTHON_INTERPRETER": "auto_silent",
    }
    command = [str(folder / "venv/bin/ansible-playbook"), "-i", str(inventory), str(playbook), *(extra or [])]
    done = subprocess.run(
        command, env=environment, cwd=directory, capture_output=True, text=True, timeout=timeout, check=False
    )
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    results = {line["task"]: {**line["result"], "outcome": line["outcome"]} for line in lines}
    return Run(done.returncode, done.stdout + done.stderr, results)
