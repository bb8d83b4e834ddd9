"""Lists by GraphQL: filtered as REST filters them, in pages, and read no further than they are shown."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from members.models import Member
from rewards import redeeming
from rewards.models import Activity, Redemption
from tests import factories
from tests.integrations.graphql.test_queries import ask, code_of


@pytest.fixture
def bob(program) -> Member:
    member: Member = factories.MemberFactory.create(program=program, first_name="Bob", status="blocked")
    factories.IdentifierFactory.create(member=member, kind="card", value="2002")
    return member


@pytest.fixture
def coffee(shop, points):
    shop.sells("receipt-0", "1000.00")
    return factories.RewardFactory.create(
        program=shop.program,
        wallet_type=points,
        key="coffee",
        name="A coffee",
        price=100,
        voucher_valid_days=9_999,
    )


def ids(answer: Any, *path: str) -> list[str]:
    found = answer["data"]
    for name in path:
        found = found[name]
    return [one["id"] for one in found["nodes"]]


class TestFilters:
    @pytest.mark.parametrize(
        ("given", "count"),
        [
            ('identifier: "card:1001"', 1),
            ('identifier: "card:9999"', 0),
            ('status: "active"', 1),
            ('status: "blocked"', 0),
            ('name: "ki"', 1),
            ('enrolledFrom: "2020-01-01T00:00:00Z"', 1),
            ('enrolledBefore: "2020-01-01T00:00:00Z"', 0),
            ("status: null", 1),
        ],
    )
    def test_of_members_find_whom_they_name(self, till, ada, given, count):
        Member.objects.update(last_name="King")

        answer = ask(till, f"{{ members({given}) {{ nodes {{ id }} }} }}")

        assert ids(answer, "members") == [str(ada.pk)] * count

    @pytest.mark.parametrize(
        ("given", "numbers"),
        [
            ('kind: "sale"', ["s2", "s1"]),
            ('kind: "return"', ["r1"]),
            ('status: "booked"', ["r1", "s2", "s1"]),
            ('status: "cancelled"', []),
            ('store: "nowhere"', []),
            ('externalId: "s2"', ["s2"]),
            ('member: "card:1001"', ["r1", "s2", "s1"]),
            ('member: "card:9999"', []),
            ('occurredFrom: "2100-01-01T00:00:00Z"', []),
            ('occurredBefore: "2100-01-01T00:00:00Z"', ["r1", "s2", "s1"]),
        ],
    )
    def test_of_transactions_find_what_they_name(self, till, ada, shop, given, numbers):
        shop.sells("s1", "10.00")
        shop.sells("s2", "20.00")
        shop.takes_back("r1", "s2")

        answer = ask(till, f"{{ transactions({given}) {{ nodes {{ externalId }} }} }}")

        assert [one["externalId"] for one in answer["data"]["transactions"]["nodes"]] == numbers

    @pytest.mark.parametrize(
        ("given", "count"),
        [
            ('status: "confirmed"', 1),
            ('status: "cancelled"', 1),
            ('status: "held"', 0),
            ('reward: "coffee"', 2),
            ('reward: "tea"', 0),
            ('member: "card:1001", status: "confirmed"', 1),
            ('redeemedFrom: "2100-01-01T00:00:00Z"', 0),
            ('redeemedBefore: "2100-01-01T00:00:00Z"', 2),
        ],
    )
    def test_of_redemptions_find_what_they_name(self, till, ada, shop, coffee, given, count):
        shop.redeems("coffee")
        redeeming.cancel(
            shop.redeems("coffee").id, program=shop.program, source="till", actor="till", at=shop.at
        )

        answer = ask(till, f"{{ redemptions({given}) {{ nodes {{ id }} }} }}")

        assert len(ids(answer, "redemptions")) == count

    def test_of_what_hangs_on_a_member_find_it_of_each(self, till, ada, shop, coffee):
        shop.sells("s1", "10.00")
        shop.takes_back("r1", "s1")
        shop.redeems("coffee")
        query = "{ members { nodes {"
        query += ' returns: transactions(kind: "return") { nodes { externalId } }'
        query += ' held: redemptions(status: "held") { nodes { id } }'
        query += ' usable: vouchers(status: "issued") { nodes { id } }'
        query += ' used: vouchers(status: "used") { nodes { id } } } } }'

        (member,) = ask(till, query)["data"]["members"]["nodes"]

        assert member["returns"]["nodes"] == [{"externalId": "r1"}]
        assert [len(member[name]["nodes"]) for name in ("held", "usable", "used")] == [0, 1, 0]

    @pytest.mark.parametrize(
        ("query", "parameter", "told"),
        [
            ('members(status: "asleep")', "status", "active"),
            ('members(status: "")', "status", "value"),
            ('members(identifier: "1001")', "identifier", "card:1001"),
            ('members(enrolledFrom: "2026-06-01T00:00:00")', "enrolledFrom", "offset"),
            ('transactions(kind: "gift")', "kind", "return"),
            ('transactions(member: "nobody")', "member", "card:1001"),
            ('redemptions(status: "lost")', "status", "confirmed"),
        ],
    )
    def test_that_make_no_sense_are_refused_by_name(self, till, query, parameter, told):
        answer = ask(till, f"{{ {query} {{ nodes {{ id }} }} }}")

        assert code_of(answer) == "invalid_filter"
        assert answer["errors"][0]["extensions"]["parameter"] == parameter
        assert told in answer["errors"][0]["message"]

    def test_of_a_moment_put_the_list_in_its_order_page_by_page(self, till, ada, shop):
        for number, hours in enumerate((-1, -3, -2)):
            shop.later(hours=hours).sells(f"s{number}", "10.00")
        query = "query($after: String) { transactions(first: 2, after: $after, occurredBefore:"
        query += ' "2100-01-01T00:00:00Z") { nodes { externalId } pageInfo { endCursor } } }'

        first = ask(till, query)["data"]["transactions"]
        rest = ask(till, query, after=first["pageInfo"]["endCursor"])["data"]["transactions"]

        seen = [one["externalId"] for page in (first, rest) for one in page["nodes"]]
        assert seen == ["s0", "s2", "s1"]

    def test_belong_to_a_cursor(self, till, ada, bob):
        query = "query($status: String, $after: String) { members(first: 1, status: $status, after: $after)"
        query += " { pageInfo { endCursor } nodes { id } } }"
        cursor = ask(till, query, status="active")["data"]["members"]["pageInfo"]["endCursor"]

        answer = ask(till, query, status="blocked", after=cursor)

        assert code_of(answer) == "invalid_cursor"

    def test_take_one_statement_more_to_look_up_a_member(self, till, ada, shop, django_assert_num_queries):
        shop.sells("s1", "10.00")

        with django_assert_num_queries(3):  # who calls, who is meant, what they did
            ask(till, '{ transactions(member: "card:1001", kind: "sale") { nodes { id } } }')


class TestHangingLists:
    def test_tell_vouchers_of_each_member(self, till, ada, bob, shop, coffee):
        code = shop.redeems("coffee").voucher_code

        answer = ask(till, "{ members { nodes { id vouchers { nodes { code status } } } } }")

        told = {one["id"]: one["vouchers"]["nodes"] for one in answer["data"]["members"]["nodes"]}
        assert told == {str(ada.pk): [{"code": code, "status": "issued"}], str(bob.pk): []}

    def test_go_on_within_a_member_also_where_moments_are_the_same(self, till, ada, shop):
        for number in range(5):
            shop.sells(str(number), "10.00")
        shop.later(hours=-1).sells("late", "10.00")
        query = (
            'query($after: String) { member(reference: "card:1001") { transactions(first: 2, after: $after)'
        )
        query += " { nodes { externalId } pageInfo { hasNextPage endCursor } } } }"

        pages: list[Any] = []
        for _ in range(3):
            after = pages[-1]["pageInfo"]["endCursor"] if pages else None
            pages.append(ask(till, query, after=after)["data"]["member"]["transactions"])

        assert Activity.objects.count() == 6
        seen = [one["externalId"] for page in pages for one in page["nodes"]]
        assert seen == ["4", "3", "2", "1", "0", "late"]
        assert [page["pageInfo"]["hasNextPage"] for page in pages] == [True, True, False]

    def test_go_on_in_vouchers(self, till, ada, shop, coffee):
        for _ in range(3):
            shop.redeems("coffee")
        query = 'query($after: String) { member(reference: "card:1001") { vouchers(first: 2, after: $after)'
        query += " { nodes { id } pageInfo { endCursor } } } }"

        first = ask(till, query)
        cursor = first["data"]["member"]["vouchers"]["pageInfo"]["endCursor"]
        rest = ask(till, query, after=cursor)

        newest_first = Redemption.objects.order_by("-id").values_list("voucher", flat=True)
        seen = ids(first, "member", "vouchers") + ids(rest, "member", "vouchers")
        assert seen == [str(pk) for pk in newest_first]

    def test_tell_a_statement_in_the_words_of_rest(self, till, ada, shop, coffee):
        shop.redeems("coffee")
        query = '{ member(reference: "card:1001") { wallets { owed'
        query += " entries { nodes { description cause points } } } } }"

        (wallet,) = ask(till, query)["data"]["member"]["wallets"]

        rest = till.get("/v1/members/card:1001/entries").json()["data"]
        assert wallet["owed"] == 0
        assert wallet["entries"]["nodes"] == [
            {name: line[name] for name in ("description", "cause", "points")} for line in rest
        ]
        assert [line["description"] for line in rest][0] == "Reward A coffee"

    @pytest.mark.parametrize(
        "field",
        ["transactions", "redemptions", "vouchers", "wallets { entries"],
        ids=["transactions", "redemptions", "vouchers", "entries"],
    )
    def test_are_cut_for_each_member_where_an_index_has_them_in_order(self, till, ada, shop, coffee, field):
        query = f"{{ members {{ nodes {{ {field}(first: 2) {{ nodes {{ id }} }} }} }} }}"
        query += " }" * (field.count("{"))

        with CaptureQueriesContext(connection) as asked:
            ask(till, query)

        # A window over all that each of them has would read all of it, to show two.
        assert " DESC LIMIT 3)" in asked.captured_queries[-1]["sql"]
