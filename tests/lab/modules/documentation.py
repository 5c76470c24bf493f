"""A module's options as its own documentation states them, read from the collection that sent it."""

from __future__ import annotations

import ast
import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from lab.errors import LabError, NotModelled

Options = dict[str, dict[str, Any]]


def installed_collections() -> list[Path]:
    """Every ``ansible_collections`` folder here: of ANSIBLE_COLLECTIONS_PATH, and of the cores under build/."""
    root = Path(__file__).resolve().parents[3]
    named = [Path(part) for part in os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(os.pathsep) if part]
    built = sorted((root / "build").glob("core-*/collections"))
    folders = [
        path if path.name == "ansible_collections" else path / "ansible_collections" for path in [*named, *built]
    ]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


class Documentation:
    """Finds a module's documentation beside the very source that came over the wire."""

    def __init__(self, collections: Sequence[Path] | None = None) -> None:
        self._folders = list(collections) if collections is not None else installed_collections()

    @functools.lru_cache(maxsize=256)  # noqa: B019 - a table lives as long as its process
    def options(self, fqcn: str, sha256: str) -> Options:
        """The documented options of a module whose source has this hash, fragments merged in.

        Raises:
            NotModelled: no installed collection holds this source.
            LabError: its documentation cannot be read.
        """
        for folder in self._folders:
            source = module_file(folder, fqcn)
            if source.is_file() and hashlib.sha256(source.read_bytes()).hexdigest() == sha256:
                return _documented(source, folder)
        raise NotModelled(f"{fqcn} as sent (sha256 {sha256}): no installed collection documents it, options")


def module_file(folder: Path, fqcn: str) -> Path:
    """Where a collection folder holds a module's source."""
    namespace, collection, name = fqcn.split(".")
    return folder / namespace / collection / "plugins" / "modules" / f"{name}.ps1"


def _documented(source: Path, folder: Path) -> Options:
    sidecar, python = source.with_suffix(".yml"), source.with_suffix(".py")
    if sidecar.is_file():
        documentation = yaml.safe_load(sidecar.read_text(encoding="utf-8"))["DOCUMENTATION"]
    elif python.is_file():
        documentation = yaml.safe_load(_constants(python)["DOCUMENTATION"])
    else:
        raise LabError(f"{source.name} has no documentation beside it in {source.parent}")
    options: Options = {}
    for fragment in documentation.get("extends_documentation_fragment", []):
        options |= _fragment(folder, fragment)
    # As ansible-doc merges them: a module may add an alias to an option that its fragment describes.
    own = documentation.get("options") or {}
    return options | {name: {**(options.get(name) or {}), **option} for name, option in own.items()}


def _constants(python: Path) -> dict[str, str]:
    """The string constants of a Python file, without running it."""
    statements = [
        node for node in ast.walk(ast.parse(python.read_text(encoding="utf-8"))) if isinstance(node, ast.Assign)
    ]
    return {
        target.id: node.value.value
        for node in statements
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def _fragment(folder: Path, name: str) -> Options:
    """A fragment's options; those of ansible-core (attributes only) have none."""
    parts = name.split(".")
    if len(parts) < 3 or parts[:2] == ["ansible", "builtin"]:
        return {}
    file = folder / parts[0] / parts[1] / "plugins" / "doc_fragments" / f"{parts[2]}.py"
    constant = parts[3].upper() if len(parts) > 3 else "DOCUMENTATION"
    if not file.is_file():
        raise LabError(f"documentation fragment {name} is not in {folder}")
    return yaml.safe_load(_constants(file).get(constant, "")) and yaml.safe_load(_constants(file)[constant]).get(
        "options", {}
    )
