"""The pictures of the demo's people, drawn by these few lines; nothing is loaded from anywhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class _Look:
    light: str
    dark: str
    skin: str
    hair: str
    shirt: str
    back: str = ""
    """What is drawn behind the head."""
    front: str = ""
    """What is drawn over the forehead."""


_LOOKS = {
    "administrator": _Look(
        "#ffd9a8",
        "#f08a5d",
        "#f3c7a5",
        "#7a3b2e",
        "#3d3a6b",
        back="M24 46c-3-21 9-32 24-32s27 11 24 32c2 12 1 22-3 28H27c-4-6-5-16-3-28z",
        front="M30 43c0-14 8-20 18-20s18 6 18 20c-6-1-13-5-17-11-4 6-11 10-19 11z",
    ),
    "editor": _Look(
        "#b8f0dd",
        "#2a9d8f",
        "#e8b48c",
        "#22242e",
        "#f4f1ea",
        back="M39 17a9 9 0 1 1 18 0a9 9 0 1 1-18 0zM28 44c-3-18 7-28 20-28s23 10 20 28l-3 8H31z",
        front="M30 42c1-13 8-19 18-19s17 6 18 19c-4-7-9-11-14-12-7 5-15 6-22 12z",
    ),
    "viewer": _Look(
        "#c9d8ff",
        "#5b6ee1",
        "#b57a4f",
        "#1d1a1f",
        "#ffb84d",
        back="M29 40c-2-16 7-24 19-24s21 8 19 24l-2 4H31z",
        front="M30 40c0-12 7-18 18-18 10 0 18 6 18 18-3-5-6-8-8-9-8 2-19 1-24 0-2 2-3 5-4 9z",
    ),
    "no-access": _Look(
        "#f6cdf0",
        "#a44a9c",
        "#c98f66",
        "#6d4fa3",
        "#43224f",
        # A headscarf: it goes round the face and over the shoulders.
        back="M25 46c0-20 10-31 23-31s23 11 23 31c0 14 6 22 4 30H21c-2-8 4-16 4-30z",
        front="M30 44c0-14 8-22 18-22s18 8 18 22c-2-9-9-15-18-15s-16 6-18 15z",
    ),
    "customer": _Look("#ffe9a8", "#d9a521", "#8d5a3a", "#1d1a1f", "#2f6f5e"),
}


def portrait(name: str) -> str | None:
    """Return a person's picture as SVG, or None for a name that has none."""
    look = _LOOKS.get(name)
    if look is None:
        return None
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="8 6 80 80" width="96" height="96">
<defs><linearGradient id="sky" x1="0" y1="0" x2="1" y2="1">
<stop offset="0" stop-color="{look.light}"/><stop offset="1" stop-color="{look.dark}"/>
</linearGradient></defs>
<rect width="96" height="96" fill="url(#sky)"/>
<path d="{look.back}" fill="{look.hair}"/>
<path d="M14 96c1-17 13-25 34-25s33 8 34 25z" fill="{look.shirt}"/>
<path d="M40 58h16v14c-3 6-13 6-16 0z" fill="{look.skin}"/>
<path d="M40 63c4 4 12 4 16 0v4c-5 4-11 4-16 0z" fill="#000" opacity=".12"/>
<ellipse cx="48" cy="46" rx="18" ry="21" fill="{look.skin}"/>
<path d="{look.front}" fill="{look.hair}"/>
<g fill="#2b2024"><circle cx="41" cy="47" r="2.1"/><circle cx="55" cy="47" r="2.1"/></g>
<path d="M41 56c3 4 11 4 14 0" fill="none" stroke="#2b2024" stroke-width="2"
 stroke-linecap="round"/>
<g fill="#e2604f" opacity=".28">
<circle cx="36" cy="53" r="3.4"/><circle cx="60" cy="53" r="3.4"/></g>
</svg>
"""
