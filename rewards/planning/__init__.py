"""Campaigns as marketers make them: drafts, reviews, versions, and when each of them is in force."""
