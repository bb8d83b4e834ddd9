"""
Sandboxes: programs in which partners try things out, with a clock of their own.

Note [Test clock]
~~~~~~~~~~~~~~~~~
A sandbox's present is real time and an offset that only grows. Moving it forward means that all that
falls due on the way happens at its moment, one after the other: points unlock and expire, members have
birthdays, campaigns begin and end, holds run out. `duties.DUTIES` lists the periodic jobs that go by a
program's clock, each with the moments at which it has something to do.

A move is a row. From it, a step is: find the next moment at which anything is due (or a day begins),
set the clock to it, do what is due, have the program notice what it told, and note in the row how far
this is. Each job commits for itself, as it always does, so a process that is lost loses nothing:
whoever goes on does the same moment again, and jobs can run twice. The call that asked for the move
carries it out, for some seconds; a periodic task goes on with what is left.
"""
