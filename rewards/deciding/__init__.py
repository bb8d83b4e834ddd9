"""What an activity gives: its facts, the rules of its time, limits and budgets, and what is kept of it."""
