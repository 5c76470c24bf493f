"""What the laboratory builds once and keeps outside the tree: ``ensure(product, version) -> Path``.

The recipes are a table in ``products.py``. A product is built in a temporary folder and renamed into place, under a
file lock, so that an interrupted build leaves nothing that looks finished and two processes don't build the same
thing twice. Its folder is named after its version and a hash of its inputs:

    <cache>/products/kubelet-1.36.3-0a1b2c3d4e5f/kubelet.exe
    <cache>/log/kubelet-1.36.3.log

The hash covers a recipe's files and its text, not the compilers: a newer Go does not rebuild what an older one built.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab import processes
from lab.errors import LabError, MissingTool

LAB = Path(__file__).resolve().parent


class BuildError(LabError):
    """A recipe failed."""


def say(text: str) -> None:
    """Progress goes to standard error: standard output belongs to results."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Tool:
    """A program that a recipe needs.

    Attributes:
        find: returns where it is, or None.
        get: how to get it, in words that follow "get it with".
    """

    name: str
    find: Callable[[], Path | None]
    get: str

    def require(self, what: str) -> Path:
        """Where the tool is.

        Raises:
            MissingTool: it is not on this machine.
        """
        found = self.find()
        if found is None:
            raise MissingTool(f"{what} needs {self.name}, which is not on this machine. Get it with {self.get}.")
        return found


@dataclass(frozen=True)
class Recipe:
    """How one product is made.

    Attributes:
        make: builds into ``Workshop.output``.
        result: the product's path below its folder; empty when the folder itself is the product.
        inputs: files and folders below tests/lab whose content decides whether a built product is still good.
        seconds: about how long it takes on two cores with nothing cached; only said, never waited for.
        tools: what has to be on the machine; checked before anything is started.
        versions: the versions that the laboratory needs, the default first; empty for a product without versions.
        settings: anything else that the result depends on (flags, pinned versions).
        parts: the products that go into this one, by its version; they are built first.
        on_request: built when it is named only, not with everything that a laboratory needs.
    """

    name: str
    make: Callable[[Workshop], None]
    result: str = ""
    inputs: tuple[str, ...] = ()
    seconds: int = 10
    tools: tuple[Tool, ...] = ()
    versions: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    parts: Callable[[str], tuple[Order, ...]] = lambda version: ()
    on_request: bool = False


@dataclass
class Workshop:
    """What a recipe works with: an empty output folder, an empty scratch folder, and a log."""

    recipe: Recipe
    version: str
    output: Path
    scratch: Path
    log: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return title(self.recipe.name, self.version)

    @property
    def parts(self) -> tuple[Order, ...]:
        """The products that go into this one, built."""
        return self.recipe.parts(self.version)

    def source(self, path: str) -> Path:
        """A file or folder below tests/lab."""
        return LAB / path

    def tool(self, tool: Tool) -> Path:
        return tool.require(self.title)

    def run(self, command: list[str | Path], directory: Path | None = None, **environment: str) -> None:
        """Run one step of the recipe.

        Raises:
            BuildError: it ended with another code than 0; the message holds the end of the log.
        """
        with self.log.open("a") as log:
            log.write(f"+ {' '.join(map(str, command))}\n")
        code = processes.run(
            command, log=self.log, environment={**self.environment, **environment}, directory=directory or self.scratch
        )
        if code:
            raise BuildError(
                f"{self.title}: {Path(command[0]).name} ended with {code}. The end of {self.log}:\n"
                f"{processes.last_lines(self.log)}"
            )


def title(name: str, version: str) -> str:
    return f"{name} {version}".strip()


def cache_directory() -> Path:
    """``$KUBEWIN_CACHE``, or ``kubewin-hostprocess`` in the user's cache folder (XDG base directory specification)."""
    if chosen := os.environ.get("KUBEWIN_CACHE"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "kubewin-hostprocess"


def fingerprint(recipe: Recipe, version: str) -> str:
    """Twelve hex digits that change when anything does that the product is made of."""
    digest = hashlib.sha256()
    parts = (fingerprint(part.recipe, part.version) for part in recipe.parts(version))
    for word in (recipe.name, version, recipe.result, *recipe.settings, *parts):
        digest.update(word.encode() + b"\0")
    for path in sorted(_files(recipe.inputs)):
        digest.update(str(path.relative_to(LAB)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _files(inputs: Iterable[str]) -> Iterator[Path]:
    for name in inputs:
        path = LAB / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        else:
            raise BuildError(f"{path} is named as an input of a product and does not exist.")


@contextlib.contextmanager
def locked(path: Path, waiting: str) -> Iterator[None]:
    """Hold a file lock; say so when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes"


@dataclass(frozen=True)
class Order:
    """One product of one version, and where it lies once built."""

    recipe: Recipe
    version: str

    @property
    def title(self) -> str:
        return title(self.recipe.name, self.version)

    @property
    def folder(self) -> Path:
        words = (self.recipe.name, self.version, fingerprint(self.recipe, self.version))
        return cache_directory() / "products" / "-".join(filter(None, words))

    @property
    def path(self) -> Path:
        return self.folder / self.recipe.result

    def is_built(self) -> bool:
        return self.path.exists()

    def build(self, progress: str = "[1/1]") -> Path:
        """Build, unless it is there.

        Raises:
            MissingTool, BuildError
        """
        if self.is_built():
            return self.path
        for tool in self.recipe.tools:
            tool.require(self.title)
        for part in self.recipe.parts(self.version):
            part.build(progress)
        cache, folder = cache_directory(), self.folder
        name = "-".join(filter(None, (self.recipe.name, self.version)))
        waiting = f"{progress} {self.title}: another process is building it; waiting"
        with locked(cache / "lock" / name, waiting):
            if not self.is_built():  # the other process may just have built it
                self._build_locked(folder, cache / "work" / name, cache / "log" / f"{name}.log", progress)
        return self.path

    def _build_locked(self, folder: Path, work: Path, log: Path, progress: str) -> None:
        say(f"{progress} {self.title}: building, about {duration(self.recipe.seconds)}")
        began = time.monotonic()
        shutil.rmtree(work, ignore_errors=True)  # what a killed build left
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        workshop = Workshop(self.recipe, self.version, work / "output", work / "scratch", log)
        try:
            workshop.output.mkdir(parents=True)
            workshop.scratch.mkdir()
            self.recipe.make(workshop)
            if not (workshop.output / self.recipe.result).exists():
                raise BuildError(f"{self.title}: its recipe made no {self.recipe.result}; see {log}.")
            folder.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            workshop.output.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        say(f"{progress} {self.title}: built in {duration(time.monotonic() - began)}")


def recipe(product: str) -> Recipe:
    """The table's row.

    Raises:
        BuildError: there is no such product.
    """
    from lab import products  # the table needs this file's classes

    found = {row.name: row for row in products.RECIPES}
    if product not in found:
        raise BuildError(f"There is no product {product!r}. There are: {', '.join(sorted(found))}.")
    return found[product]


def order(product: str, version: str | None = None) -> Order:
    """A product of a version, or of its default version; built or not."""
    row = recipe(product)
    return Order(row, version or (row.versions[0] if row.versions else ""))


def ensure(product: str, version: str | None = None) -> Path:
    """The file or folder of a product, built once.

    Args:
        product: a name of the table in products.py.
        version: without a leading v; the default version when None.

    Raises:
        MissingTool: a compiler is not on this machine; the message says how to get it.
        BuildError: the build failed; the message holds the end of its log.
    """
    return order(product, version).build()


def built_versions(name: str) -> list[str]:
    """The versions of a product that are in the cache, of those that the laboratory builds."""
    return [version for version in recipe(name).versions if Order(recipe(name), version).is_built()]


def ensure_all(names: Iterable[str] | None = None) -> dict[str, Path]:
    """Build all versions of the products that the laboratory needs, saying how far it is.

    Returns:
        the paths by "name version".
    """
    from lab import products

    rows = [recipe(name) for name in names] if names else [row for row in products.RECIPES if not row.on_request]
    orders = [Order(row, version) for row in rows for version in (row.versions or ("",))]
    missing = [one for one in orders if not one.is_built()]
    if missing:
        total = sum(one.recipe.seconds for one in missing)
        say(f"{len(missing)} of {len(orders)} products have to be built once, about {duration(total)} on 2 cores.")
    for number, one in enumerate(missing, start=1):
        one.build(f"[{number}/{len(missing)}]")
    return {one.title: one.path for one in orders}
