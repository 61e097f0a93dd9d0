"""Does the name that a browser uses lead to the site that its page means?

A page of a site connects to the namespace of the site's own name, and the server refuses it when
the request means another site.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from presence_progress.bench import read_settings
from presence_progress.doctor.finding import Finding, fine, problem, warning


def sites_of(bench: Path) -> list[str]:
    """Return the names of a bench's sites."""
    return sorted(path.parent.name for path in (bench / "sites").glob("*/site_config.json"))


def check_sites(bench: Path) -> Iterator[Finding]:
    """Compare the folders of the sites with default_site and with their other names."""
    sites = sites_of(bench)
    if not sites:
        yield problem(
            "There is no site in this bench (a folder in sites with a site_config.json).",
            "bench new-site NAME makes one.",
        )
        return
    default = read_settings(bench).default_site
    if default and default not in sites:
        yield problem(
            f"default_site is {default}, and there is no such site.",
            f"bench use {sites[0]} (or another: {', '.join(sites)}).",
        )
    elif default:
        yield fine(f"{_names(sites)}; localhost and IP addresses mean {default}.")
    else:
        yield fine(f"{_names(sites)}; localhost and IP addresses mean none (bench use NAME).")
    for site in sites:
        yield from _check_domains(bench, site, sites)


def _check_domains(bench: Path, site: str, sites: list[str]) -> Iterator[Finding]:
    try:
        domains = _domains(bench, site)
    except (OSError, ValueError) as error:
        yield problem(f"sites/{site}/site_config.json cannot be read: {error}.", "Correct it.")
        return
    for domain in domains:
        if domain in sites and domain != site:
            yield problem(
                f"{domain} is a site of its own, and a domain of {site}, too.",
                f"Take it out of domains in sites/{site}/site_config.json.",
            )
        elif domain != site and not _is_mapped(bench, domain, site):
            yield warning(
                f"{domain} is another name of {site}, which nginx must say to the server: without "
                'that its pages are refused ("Invalid namespace").',
                f"bench setup nginx, or X-Frappe-Site-Name {site} in the proxy that serves it.",
            )


def _domains(bench: Path, site: str) -> list[str]:
    config = json.loads((bench / "sites" / site / "site_config.json").read_text("utf-8"))
    if not isinstance(config, dict):
        raise ValueError("it holds no JSON object")
    entries: list[Any] = config.get("domains") or []
    names = (entry.get("domain") if isinstance(entry, dict) else entry for entry in entries)
    return [name for name in names if isinstance(name, str)]


def _is_mapped(bench: Path, domain: str, site: str) -> bool:
    """Return whether bench's nginx.conf has a map with this domain and its site."""
    try:
        lines = (bench / "config/nginx.conf").read_text("utf-8").splitlines()
    except OSError:
        return False
    return any(line.strip().rstrip(";").split() == [domain, site] for line in lines)


def _names(sites: list[str]) -> str:
    shown = ", ".join(sites[:5])
    return shown if len(sites) <= 5 else f"{shown} and {len(sites) - 5} more"
