# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attributes that most of the collection's modules share; each module then lists only its differences."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or would change in C(check_mode)), when in diff mode.
"""

    # For a module that only reads.
    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This module only reads.
  diff_mode:
    support: N/A
    details:
      - This module changes nothing.
"""

    # For modules that reach the Kubernetes API.
    CLUSTER = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/kubewin.hostprocess.cluster) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - kubewin.hostprocess.cluster
"""
