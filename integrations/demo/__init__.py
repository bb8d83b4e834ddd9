"""
The demo: a grocer's program with a year behind it, made by the same operations as any other.

Everything here can run again: what is there stays as it is, what is missing is made. People,
shops and e-mail addresses are made up; the purchases are real (see `integrations.complete_journey`).
"""
