"""A registry in memory: keys and value names compared without case, spelled as they were first written."""

from __future__ import annotations

import threading

from lab.errors import HostError
from lab.host.interface import RegistryValue

FILE_NOT_FOUND = 2


class Registry:
    """The registry of one modelled node. Keys as ``HKLM:\\SOFTWARE\\...``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spelling: dict[str, str] = {}
        self._values: dict[str, dict[str, tuple[str, RegistryValue]]] = {}

    @staticmethod
    def _key(key: str) -> str:
        return key.rstrip("\\").lower()

    def exists(self, key: str) -> bool:
        """Whether a key is there."""
        return self._key(key) in self._values

    def create(self, key: str) -> None:
        """With its parents."""
        with self._lock:
            self._create(key)

    def _create(self, key: str) -> None:
        key = key.rstrip("\\")
        while key and self._key(key) not in self._values:
            self._values[self._key(key)] = {}
            self._spelling[self._key(key)] = key
            key = key.rpartition("\\")[0]

    def values(self, key: str) -> dict[str, RegistryValue]:
        """Name to value."""
        with self._lock:
            return dict(self._existing(key, "read").values())

    def _existing(self, key: str, what: str) -> dict[str, tuple[str, RegistryValue]]:
        if self._key(key) not in self._values:
            raise HostError(f"{what} registry key {key}", FILE_NOT_FOUND)
        return self._values[self._key(key)]

    def subkeys(self, key: str) -> list[str]:
        """Names of the keys directly below."""
        with self._lock:
            self._existing(key, "list")
            prefix = self._key(key) + "\\"
            below = [spelled for lower, spelled in self._spelling.items() if lower.startswith(prefix)]
            return sorted(spelled[len(prefix) :] for spelled in below if "\\" not in spelled[len(prefix) :])

    def set(self, key: str, name: str, value: RegistryValue) -> None:
        """Write a value."""
        with self._lock:
            self._create(key)
            spelled = self._values[self._key(key)].get(name.lower(), (name, value))[0]
            self._values[self._key(key)][name.lower()] = (spelled, value)

    def delete(self, key: str, name: str | None) -> None:
        """A value, or a key and all below."""
        with self._lock:
            values = self._existing(key, "delete")
            if name is not None:
                if values.pop(name.lower(), None) is None:
                    raise HostError(f"delete registry value {key}\\{name}", FILE_NOT_FOUND)
                return
            doomed = self._key(key)
            for lower in [lower for lower in self._values if lower == doomed or lower.startswith(doomed + "\\")]:
                del self._values[lower], self._spelling[lower]
