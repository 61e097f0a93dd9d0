"""The reference is made from the code, and is what the code says now."""

from tools import reference


def test_the_reference_is_not_behind() -> None:
    written = reference.TARGET.read_text()
    assert written == reference.reference(), "run: python tools/reference.py"


def test_whatever_can_be_used_is_described() -> None:
    for part in reference.reference().split("\n#### ")[1:]:
        heading, _, text = part.partition("\n\n")
        assert text.strip(), f"{heading} has no docstring"
