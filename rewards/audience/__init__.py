"""
Who conditions are about: a tree of conditions over members as SQL, to count, list and write them.

Note [Two compilers]
~~~~~~~~~~~~~~~~~~~~
One tree of conditions has two meanings that must be one: `rewards.engine.conditions.compile` makes a
Python predicate of it, for the member of one activity; `rewards.audience.compiling` makes a condition
of SQL, for all members at once. A test holds them together on random trees and random members. What
makes that easy to get wrong, and how it is kept right:

- A fact that is not known is None there and NULL here. Python's predicates are false for it, SQL's
  comparisons are NULL. NULL counts as false in `all`, `any` and at the top; only `none` turns it
  round, and so asks whether any of its conditions IS TRUE.
- Attributes are of any type. Equal means of the same type and equal, as jsonb compares. An order is
  one of numbers, also of those told as text.
- Days are the program's. What depends on the moment alone is computed in Python, and is the same for both.

No text that anybody wrote becomes part of a statement: values, keys and names of attributes are
parameters.
"""
