"""What becomes of an activity: earned, previewed, returned, claimed, cancelled, corrected."""
