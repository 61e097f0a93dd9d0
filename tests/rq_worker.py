"""``python -m tests.rq_worker …``: RQ's worker, arguments as ``rq worker`` takes them, whose jobs
hold their leases for as long as the environment says: TEST_LEASE milliseconds."""

from __future__ import annotations

import os
import sys

from rq.cli import main

from presence_progress import settings

if __name__ == "__main__":
    # Before anything else of ours is imported, which takes its numbers from there.
    lease = int(os.environ.get("TEST_LEASE", settings.TASK_LEASE))
    settings.TASK_RENEWAL *= lease / settings.TASK_LEASE
    settings.TASK_LEASE = lease
    sys.argv = ["rq", "worker", *sys.argv[1:]]
    main()
