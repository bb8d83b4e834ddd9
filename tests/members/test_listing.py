"""Lists as people have them: which members they name, and what is said about each line that names none."""

import pytest

from loyalty.core.errors import InvalidInput
from members import listing
from members.listing import Found, ListTooLong
from members.models import Member
from tests import factories


def found(text: str, program, *, kind: str = "card") -> Found:
    return listing.find(listing.lines(text.splitlines(keepends=True)), kind=kind, program=program)


class TestFind:
    @pytest.mark.parametrize("text", ["card\n1001\n", "1001;Ada\n", "\ufeff1001,x\r\n\r\n", '"1001"\t7'])
    def test_reads_the_first_column_whatever_separates_it(self, ada, text):
        assert found(text, ada.program) == Found([ada.pk], [])

    def test_says_of_each_other_line_what_is_wrong_with_it(self, ada):
        result = found("ada@example\n\nbob@example.org\n", ada.program, kind="email")

        assert [str(problem) for problem in result.problems] == [
            "Line 1: This is no e-mail address.",
            "Line 3: “bob@example.org” is no active member of this program.",
        ]

    def test_finds_members_by_our_own_ids(self, ada):
        result = found(f"{ada.pk}\nnone\n", ada.program, kind="id")

        assert (result.member_ids, [problem.line for problem in result.problems]) == ([ada.pk], [2])

    @pytest.mark.parametrize("kind", ["card", "id"])
    def test_finds_nobody_of_another_program_and_nobody_blocked(self, ada, kind):
        stranger = factories.IdentifierFactory.create(value="77").member
        Member.objects.filter(pk=ada.pk).update(status="blocked")
        text = "77\n1001" if kind == "card" else f"{stranger.pk}\n{ada.pk}"

        assert found(text, ada.program, kind=kind).member_ids == []

    def test_refuses_more_lines_than_are_read_at_once(self, ada, monkeypatch):
        monkeypatch.setattr(listing, "LINES_AT_MOST", 2)

        with pytest.raises(ListTooLong, match="up to 2 lines"):
            found("1\n2\n3\n", ada.program)

    def test_says_where_a_file_is_no_csv(self, ada):
        with pytest.raises(InvalidInput, match="Line 2 cannot be read"):
            found('1001\n"100', ada.program)

    def test_asks_once_for_many_lines(self, ada, django_assert_num_queries):
        with django_assert_num_queries(1):
            found("1001\n" * 50, ada.program)
