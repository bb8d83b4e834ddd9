"""
When Python looks for garbage (https://docs.python.org/3/library/gc.html).

Counts of references free nearly all that a call leaves behind, at once. What is left for the collector
are circles, of which there are few; but by default it looks for them after each 700 new objects, through
ever more of all that was ever loaded. A batch of 500 sales makes hundreds of thousands of objects: a third
of its time went into that.
"""

import gc
from typing import Final

YOUNG: Final = 50_000
"""New objects that are not gone yet, before they are looked through."""


def settle() -> None:
    """Call it in a process that has loaded what it needs: that is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
