"""What templates of the docs need on every page."""

from django import template

from loyalty.core.api import docs_frame
from loyalty.core.api.docs_frame import Chapter, Entry

register = template.Library()


@register.simple_tag
def docs_contents() -> list[Chapter]:
    return docs_frame.contents()


@register.simple_tag
def docs_neighbours(address: str) -> dict[str, Entry]:
    """What is read before and after the page at that address."""
    entries = [entry for chapter in docs_frame.contents() for entry in chapter.entries]
    here = next((number for number, entry in enumerate(entries) if entry.address == address), None)
    if here is None:
        return {}
    return {
        name: entries[number]
        for name, number in (("before", here - 1), ("after", here + 1))
        if 0 <= number < len(entries)
    }
