"""What a binary node is made of: programs of this machine and built products."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab import build


@dataclass(frozen=True)
class Toolchain:
    """Where everything lies that a `WineHost` needs.

    Attributes:
        wine: Wine's 64 bit loader, the server beside it.
        mcs: Mono's C# compiler.
        template: a prefix that is off, which every node is a copy of.
        gaps: folder of the DLLs that fill Wine's gaps.
        agent, snapshotter, tar: Windows programs of ours.
        dotnet: folder of ``dotnet.exe`` for Windows, with one runtime.
        harness: folder of ``Harness.dll``.
        probes: cache folder of compiled probes.
    """

    wine: Path
    mcs: Path
    template: Path
    gaps: Path
    agent: Path
    snapshotter: Path
    tar: Path
    dotnet: Path
    harness: Path
    probes: Path

    @classmethod
    def built(cls) -> Toolchain:
        """Everything at its place, built where it was missing.

        Raises:
            MissingTool: something has to be installed first; the message says how.
            BuildError
        """
        from lab import products  # which needs this package for its recipes

        return cls(
            wine=products.WINE.require("A binary node"),
            mcs=products.MCS.require("A binary node"),
            template=build.ensure("wine-prefix"),
            gaps=build.ensure("wine-dlls"),
            agent=build.ensure("agent"),
            snapshotter=build.ensure("snapshotter"),
            tar=build.ensure("tar"),
            dotnet=build.ensure("dotnet"),
            harness=build.ensure("probe-harness"),
            probes=build.cache_directory() / "probes",
        )
