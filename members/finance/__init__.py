"""
What the points are worth to the books: liability, movements, revenue, journal, closed periods.

Note [Books]
~~~~~~~~~~~~
Everything is counted by the moment at which it was recorded, in days of the program's time zone, so
that a day that is over keeps its figures, whatever is booked later. Outstanding are the points that
members have: pending, available and held. They are counted by wallet type and by cohort, which is
the month in which they were earned; transfers and merges keep it.

A point's value on a day is `cost × (1 − breakage)`, both in force on that day: the cost by wallet
type, the breakage by cohort. Movements are valued on the day on which they happen; when cost or
breakage change, what is outstanding is valued anew on that day. So the days of a month add up to the
month, and the months to the quarter, in points and in money, exactly: money is rounded only when it
is shown or booked.
"""
