"""A campaign's results: whom it reached, what it cost, and what would not have been without it."""

from rewards.admin.campaign.performance.page import TAB, urls

__all__ = ["TAB", "urls"]
