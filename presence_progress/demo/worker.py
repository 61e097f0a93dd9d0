"""A real RQ worker for the demo: the stock one, but it does not wait for its job when it is told to
end."""

from __future__ import annotations

import argparse
import logging
import warnings
from typing import Any

import redis
from rq import Worker

from presence_progress.demo.config import LONG, SHORT
from presence_progress.demo.lifeline import die_with_parent


class DemoWorker(Worker):  # type: ignore[misc]
    """Ends at once, with its work horse, on the first SIGTERM or SIGINT; and the horse never
    outlives it."""

    def request_stop(self, signum: int, frame: object) -> None:
        # RQ's first signal lets the job finish, which may take minutes; whoever stops a demo means
        # now.
        if self.horse_pid:
            self.kill_horse()
            self.wait_for_horse()
        raise SystemExit(0)

    def main_work_horse(self, *args: Any, **kwargs: Any) -> None:
        die_with_parent()
        super().main_work_horse(*args, **kwargs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis", required=True, metavar="URL")
    parser.add_argument("--queue", nargs="+", default=[LONG, SHORT])
    options = parser.parse_args()
    # rq 1.15 builds datetimes and loggers in ways that a newer Python remarks on; not our news.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    worker = DemoWorker(options.queue, connection=redis.Redis.from_url(options.redis))
    worker.work(logging_level="WARNING")


if __name__ == "__main__":
    main()
