"""What the program sees by itself, without a report: occasions, their days, and friends who were brought."""
