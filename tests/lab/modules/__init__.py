"""The stock PowerShell modules that roles use, emulated one file each against Host, and our own modules' probes.

Nothing here runs PowerShell: an emulation answers what the real module documents and its source does. What is checked
and what is simplified is listed for each module in ``tests/lab/FIDELITY.md``.
"""
