"""Windows features have two names: Get-WindowsFeature's, which Host keeps, and DISM's."""

from __future__ import annotations

_DISM = {"microsoft-hyper-v": "Hyper-V", "microsoft-hyper-v-management-powershell": "Hyper-V-PowerShell"}


def of_dism(name: str) -> str:
    """Host's name of a feature that DISM calls so."""
    return _DISM.get(name.lower(), name)
