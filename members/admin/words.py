"""Rules of points in plain words, for lists and pages."""

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from members.models import ExpiryRule, Tier, WalletType


def expiry_in_words(row: WalletType | Tier) -> str:
    """When points go, as a sentence without its full stop; nothing if the row leaves it to others."""
    number, day = row.expires_after or 0, row.expires_on_date
    if row.expiry_rule == ExpiryRule.FIXED_DATE and day is not None:
        return _("Expire on %(day)s of each year, for the first time in %(year)s.") % {
            "day": date_format(day, "j F"),
            "year": day.year,
        }
    said = {
        "": "",
        ExpiryRule.NEVER: _("Never expire."),
        ExpiryRule.DAYS: ngettext(
            "Expire %(n)d day after earning.", "Expire %(n)d days after earning.", number
        ),
        ExpiryRule.MONTHS: ngettext(
            "Expire %(n)d month after earning.", "Expire %(n)d months after earning.", number
        ),
        ExpiryRule.INACTIVITY: ngettext(
            "Expire after %(n)d month without activity.",
            "Expire after %(n)d months without activity.",
            number,
        ),
        ExpiryRule.END_OF_MONTH: _further(
            number, _("Expire at the end of the month."), ngettext("month", "months", number)
        ),
        ExpiryRule.END_OF_QUARTER: _further(
            number, _("Expire at the end of the quarter."), ngettext("quarter", "quarters", number)
        ),
        ExpiryRule.END_OF_YEAR: _further(
            number, _("Expire at the end of the year."), ngettext("year", "years", number)
        ),
    }[row.expiry_rule]
    return said % {"n": number} if "%(n)d" in said else said


def _further(number: int, said: str, unit: str) -> str:
    if not number:
        return said
    return said.rstrip(".") + " " + _("%(n)d %(unit)s later.") % {"n": number, "unit": unit}
