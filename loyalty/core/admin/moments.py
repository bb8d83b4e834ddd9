from datetime import datetime

from django.utils import formats, timezone


def shown(moment: datetime | None) -> str:
    """The moment in the program's time zone, which is the page's, as lists show it; no moment is no text."""
    return "" if moment is None else formats.date_format(timezone.localtime(moment), "DATETIME_FORMAT")
