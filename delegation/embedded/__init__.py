"""Library and store in one process; see `Tracker`."""

from delegation.embedded.tracker import Tracker as Tracker
