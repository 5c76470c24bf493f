# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The object that a call to the API server is about, for sentences."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """An object, or all objects of a kind when it has no name."""

    kind: str
    name: str | None = None
    namespace: str | None = None

    @classmethod
    def of(cls, definition: dict) -> Target:
        metadata = definition.get("metadata") or {}
        return cls(definition.get("kind") or "object", metadata.get("name"), metadata.get("namespace"))

    def __str__(self) -> str:
        if not self.name:
            return f"{self.kind} objects" + (f" of namespace {self.namespace}" if self.namespace else "")
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"
