from typing import Any

from django.core.paginator import Page
from django.utils.functional import cached_property
from unfold.paginator import InfinitePaginator as ThemeInfinitePaginator


class InfinitePaginator(ThemeInfinitePaginator):
    """
    Pages of a list that nobody counts: one row more than the page says whether there is a next one.

    Has the theme's name, by which its templates know that there is no number of results to show.
    """

    template_name = "regulars/pagination.html"
    may_have_next = False

    @cached_property
    def count(self) -> int:
        return 9_999_999_999

    def page(self, number: Any) -> Page[Any]:
        number = self.validate_number(number)
        first = (number - 1) * self.per_page
        rows = list(self.object_list[first : first + self.per_page + 1])
        self.may_have_next = len(rows) > self.per_page
        return self._get_page(rows[: self.per_page], number, self)
