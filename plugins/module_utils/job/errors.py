# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can go wrong in this package: one root, so that a caller catches one name."""

from __future__ import annotations


class JobError(ValueError):
    """Root of every error of the job object model; the text is meant for the person who ran the task."""


class ShapeError(JobError):
    """A value handed in isn't shaped like the result of the module it is said to come from."""


class AbsenceUnprovenError(JobError):
    """Nothing was listed by a source that may leave out what is there."""


class DefinitionError(JobError):
    """A manifest can't be compared with these job objects."""
