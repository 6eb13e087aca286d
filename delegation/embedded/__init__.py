"""Library and store in one process; see `Tracker`."""

from delegation.embedded.location import store_url as store_url
from delegation.embedded.tracker import Tracker as Tracker
