# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong in this package: one root, so that a caller catches one name."""

from __future__ import annotations


class NodeError(ValueError):
    """Root of every error about a node; the text says what failed, on which object, why, and what to do next."""


class ConfigurationError(NodeError):
    """A configuration file, or what is wanted in it, that the program which reads it would refuse or misread."""


class PlanError(NodeError):
    """Variables of a role from which no plan can be made; nothing on the node has been changed."""
