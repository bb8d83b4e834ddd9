"""
The rule engine: from facts about an activity to awards with their reasons.

Pure Python. It knows no Django, no database and no clock, so that what a campaign does can be
tried, previewed and computed again years later with the same result.
"""
