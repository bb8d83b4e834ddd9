"""
A program's design as one text: kinds of points, tiers, rewards, campaigns, by their keys.

Note [Program as code]
~~~~~~~~~~~~~~~~~~~~~~
A `Section` says of one kind of thing which columns stand in the file and what becomes of a thing
that the file does not name; `sections.SECTIONS` lists them in the order in which they are written.
Both sides of a comparison are the same plain values: a program's rows as they would be exported,
and the file as it was read. So what was exported is never a difference, and what was applied once
is never applied again. Applying compares anew, under a lock, and writes what differs in one
transaction; it deletes nothing. `docs/program-as-code.md` is for those who write the file.
"""
