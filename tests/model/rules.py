"""What the rules of both models are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition

F = TypeVar("F", bound=Callable[..., Any])


def one_of(choices: str) -> Any:
    """Return one of what the machine has at that moment."""
    return st.runner().flatmap(lambda machine: st.sampled_from(getattr(machine, choices)))


def has(choices: str) -> Callable[[F], F]:
    """Say that a rule needs some of these."""
    return precondition(lambda machine: bool(getattr(machine, choices)))


def may(trouble: str, choices: str = "troubles") -> Callable[[F], F]:
    """Say that a rule is a trouble, which this life must have, and some of these."""
    return precondition(lambda machine: trouble in machine.troubles and getattr(machine, choices))
