"""Whether the books say what was earned, and what they mean to accounting."""
