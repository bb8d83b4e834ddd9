"""
Regulars on one machine, from a clone alone: set-up, servers, demo, tests, checks, bench.

Nothing in production imports this package. ``bootstrap`` is run as a file, by any Python, before there is
an environment; the other modules run inside the environment that it makes.
"""
