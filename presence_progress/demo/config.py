"""What the processes of one demo agree on: the site's name and where its data lies. Decides nothing
else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

SITE = "demo.localhost"
LONG, SHORT = f"{SITE}:long", f"{SITE}:short"
"""The queues, each with a worker of its own: nothing short waits behind an import. Named for the
site, since a given Redis may serve other workers, too."""
DEFAULT_DATA = Path(".demo-data")
"""In the folder where the demo is started, so that two checkouts never share their airports."""
DEFAULT_PACE = 1500
"""Rows a second: an import of the airports takes 19 s, long enough to be watched."""

Frappe = Literal["v15", "v16", "develop"]
FRAPPES: tuple[Frappe, ...] = get_args(Frappe)

HERE = Path(__file__).parent
PAGES = HERE / "pages"
STATIC = HERE / "static"


@dataclass(frozen=True)
class Config:
    """One demo: its data folder, the realtime port that its pages connect to, the pace of its
    imports, the Frappe as which it answers a realtime server, its hooks by name as dotted paths."""

    data: Path
    realtime_port: int = 9000
    pace: float = DEFAULT_PACE
    frappe: Frappe = "v16"
    hooks: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.data / "site.sqlite"

    @property
    def uploads(self) -> Path:
        return self.data / "uploads"

    @property
    def own_pages(self) -> Path:
        """Where a person puts pages of their own, to try a tag or two."""
        return self.data / "try"
