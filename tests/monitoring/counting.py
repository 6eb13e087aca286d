"""A worker that counts and tells its page, for the tests of several: `python counting.py FOLDER`."""

from __future__ import annotations

import json
import os
import sys

os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]

from delegation.tracker import Tracker
from delegation_api.metrics import Metrics

with Tracker.open("sqlite://") as tracker:
    metrics = Metrics(tracker, workers=2)
    waiting = {"now": 0}
    metrics.watch("delegation_streams_open", lambda: waiting["now"])
    print("ready", flush=True)
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        if word == "count":
            for _ in range(int(number)):
                metrics.note("/v1/check", 200, 0.01)
                metrics.count("delegation_retention_erased_total")
        elif word == "wait":
            waiting["now"] = int(number)
        print(json.dumps(metrics.text().decode()), flush=True)
    metrics.close()
