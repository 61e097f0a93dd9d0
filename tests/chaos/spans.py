"""Spans of time: lists of ``(start, end)`` in seconds, sorted and apart from one another."""

from __future__ import annotations

from collections.abc import Iterable

Span = tuple[float, float]
Spans = list[Span]


def union(*several: Iterable[Span]) -> Spans:
    """Put spans together; what touches becomes one."""
    result: Spans = []
    for start, end in sorted(span for spans in several for span in spans):
        if end <= start:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def subtract(spans: Spans, holes: Spans) -> Spans:
    """Return what of the spans is in no hole; both are sorted and apart."""
    result: Spans = []
    for start, end in spans:
        for hole_start, hole_end in holes:
            if hole_end <= start:
                continue
            if hole_start >= end:
                break
            if hole_start > start:
                result.append((start, hole_start))
            start = max(start, hole_end)
        if start < end:
            result.append((start, end))
    return result


def cut(spans: Spans, start: float, end: float) -> Spans:
    """Return what of the spans is between two times."""
    return [(max(a, start), min(b, end)) for a, b in spans if b > start and a < end]


def after(start: float, seconds: float, holes: Spans) -> float:
    """Return when so many seconds have passed that are in no hole."""
    for hole_start, hole_end in holes:
        if hole_end <= start:
            continue
        if hole_start >= start + seconds:
            break
        seconds -= max(hole_start - start, 0)
        start = hole_end
    return start + seconds
