"""GraphQL reads what the REST operations read, by the same scopes and within the same program."""

from time import process_time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from integrations import calls
from integrations.models import Call
from members.models import Member
from members.references import MemberReference
from tests import factories
from tests.clients import PartnerClient

WALLETS = """
{ members(first: 50) { nodes {
    id identifiers { kind value }
    wallets { type { key } available entries(first: 3) { nodes { kind points } } }
    tiers { ladder tier { key } } segments { segment { key } }
    transactions(first: 2) { nodes { amount { amount currency } points } }
    redemptions(first: 2) { nodes { rewardKey voucher { code } } }
    vouchers(first: 2) { nodes { code status } }
} } }
"""


def ask(client: Client, query: str, **variables: Any) -> Any:
    response = client.post("/graphql", {"query": query, "variables": variables})
    assert response.status_code == 200, response.content
    return response.json()


def code_of(answer: Any) -> str:
    (error,) = answer["errors"]
    code: str = error["extensions"]["code"]
    return code


class TestReading:
    def test_tells_who_calls(self, till):
        answer = ask(till, "{ whoami { program partner credentialKind } }")

        assert answer == {
            "data": {"whoami": {"program": "coffee", "partner": "till", "credentialKind": "api_key"}}
        }

    def test_tells_of_a_member_what_rest_tells(self, till, ada, shop):
        shop.sells("1", "1200.00")
        query = "query($who: String!) { member(reference: $who) { id wallets { available type { key } }"

        answer = ask(
            till,
            query
            + " tiers { tier { key } progress } transactions { nodes { externalId amount { amount } } } } }",
            who="card:1001",
        )

        status = till.get("/v1/members/card:1001/status").json()
        assert answer["data"]["member"] == {
            "id": str(ada.pk),
            "wallets": [{"available": 1200, "type": {"key": status["wallets"][0]["type"]}}],
            "tiers": [{"tier": {"key": "silver"}, "progress": 1200}],
            "transactions": {"nodes": [{"externalId": "1", "amount": {"amount": "1200.00"}}]},
        }
        assert status["wallets"][0]["available"] == 1200

    def test_tells_of_the_programs_setting(self, till, shop, points, ladder, base_rule):
        reward = factories.RewardFactory.create(program=shop.program, wallet_type=points)

        answer = ask(
            till,
            "{ tierLadders { key walletType { key } tiers { key threshold } } "
            " campaigns { nodes { key status } }"
            " rewards { nodes { key price isOnOffer } } segments { nodes { key } } }",
        )

        assert "errors" not in answer
        assert [tier["key"] for tier in answer["data"]["tierLadders"][0]["tiers"]] == [
            "basic",
            "silver",
            "gold",
        ]
        assert answer["data"]["campaigns"]["nodes"] == [{"key": "base", "status": "running"}]
        assert answer["data"]["rewards"]["nodes"][0]["key"] == reward.key

    def test_takes_as_many_queries_for_many_members_as_for_one(self, till, program, ada, shop):
        shop.sells("1", "10.00")
        ask(till, WALLETS)
        with CaptureQueriesContext(
            connection,
        ) as for_one:
            ask(till, WALLETS)
        for number in range(5):
            member = factories.MemberFactory.create(program=program)
            factories.IdentifierFactory.create(member=member, kind="card", value=f"200{number}")
            shop.sells(f"s{number}", "10.00", member=MemberReference("card", f"200{number}"))

        with CaptureQueriesContext(connection) as for_six:
            answer = ask(till, WALLETS)

        assert "errors" not in answer
        assert sum(len(one["wallets"]) for one in answer["data"]["members"]["nodes"]) == 6
        assert len(for_six) == len(for_one) <= 12

    def test_goes_on_after_a_cursor(self, till, program):
        for _ in range(5):
            factories.MemberFactory.create(program=program)
        query = "query($after: String) { members(first: 2, after: $after)"
        query += " { nodes { id } edges { cursor } pageInfo { hasNextPage endCursor } } }"

        seen, after, sizes = [], None, []
        while True:
            found = ask(till, query, after=after)["data"]["members"]
            seen += [one["id"] for one in found["nodes"]]
            sizes.append(len(found["edges"]))
            after = found["pageInfo"]["endCursor"]
            if not found["pageInfo"]["hasNextPage"]:
                break

        everybody = Member.objects.of(program).order_by("-id").values_list("pk", flat=True)
        assert seen == [str(pk) for pk in everybody]
        assert sizes == [2, 2, 1]

    def test_goes_on_within_a_member(self, till, ada, shop):
        for number in range(3):
            shop.sells(str(number), "10.00")
        query = 'query($after: String) { member(reference: "card:1001") { wallets'
        query += " { entries(first: 2, after: $after) { nodes { id } pageInfo { endCursor } } } } }"
        (first,) = ask(till, query)["data"]["member"]["wallets"]

        answer = ask(till, query, after=first["entries"]["pageInfo"]["endCursor"])

        (rest,) = answer["data"]["member"]["wallets"]
        assert (len(first["entries"]["nodes"]), len(rest["entries"]["nodes"])) == (2, 1)
        assert rest["entries"]["nodes"][0] not in first["entries"]["nodes"]

    def test_tells_of_each_member_the_own_vouchers(self, till, program, ada, shop, points, base_rule):
        shop.sells("1", "500.00")
        reward = factories.RewardFactory.create(
            program=program, wallet_type=points, has_voucher=True, price=100
        )
        redeemed = till.post(
            "/v1/redemptions", {"member": {"kind": "card", "value": "1001"}, "reward": reward.key}
        ).json()
        factories.MemberFactory.create(program=program)

        answer = ask(till, "{ members { nodes { vouchers { nodes { code status } } } } }")

        assert answer["data"]["members"]["nodes"] == [
            {"vouchers": {"nodes": []}},
            {"vouchers": {"nodes": [{"code": redeemed["voucher_code"], "status": "issued"}]}},
        ]


class TestDoor:
    def test_keeps_programs_apart(self, till, outsider, ada, shop):
        shop.sells("1", "10.00")
        query = f'{{ member(reference: "{ada.pk}") {{ id }} members {{ nodes {{ id }} }}'
        query += " transactions { nodes { id } } campaigns { nodes { id } } tierLadders { id } }"

        mine, theirs = ask(till, query)["data"], ask(outsider, query)["data"]

        assert mine["member"] == {"id": str(ada.pk)}
        assert [len(mine[name]["nodes"]) for name in ("members", "transactions", "campaigns")] == [1, 1, 1]
        assert theirs["member"] is None
        assert [theirs[name]["nodes"] for name in ("members", "transactions", "campaigns")] == [[], [], []]
        assert theirs["tierLadders"] == []

    def test_refuses_another_programs_cursor(self, till, outsider, ada):
        query = "query($after: String) { members(after: $after) { pageInfo { endCursor } } }"
        cursor = ask(till, query)["data"]["members"]["pageInfo"]["endCursor"]

        answer = ask(outsider, query, after=cursor)

        assert code_of(answer) == "invalid_cursor"

    def test_answers_strangers_with_a_problem(self, client, db):
        response = client.post("/graphql", {"query": "{ whoami { partner } }"}, "application/json")

        assert response.status_code == 401
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == "unauthenticated"

    def test_counts_calls_and_names_them(self, till):
        response = till.post("/graphql", {"query": "{ whoami { partner } }"}, x_request_id="mine-1")

        assert "RateLimit" in response.headers
        assert response.headers["X-Request-Id"] == "mine-1"

    def test_needs_no_csrf_token(self, till):
        strict = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {till.key}"})

        response = strict.post("/graphql", {"query": "{ whoami { partner } }"}, "application/json")

        assert response.status_code == 200

    def test_stops_who_calls_too_often(self, till, settings):
        settings.API_CALLS_PER_MINUTE = 1
        ask(till, "{ whoami { partner } }")

        response = till.post("/graphql", {"query": "{ whoami { partner } }"})

        assert response.status_code == 429
        assert int(response.headers["Retry-After"]) >= 1

    def test_notes_calls_in_the_log(self, till):
        ask(till, "{ whoami { partner } }")

        calls.log.flush()
        assert Call.objects.filter(credential=till.credential.pk, operation="POST graphql").exists()

    @pytest.mark.parametrize("method", ["get", "put", "delete"])
    def test_takes_post_alone(self, till, method):
        assert getattr(till, method)("/graphql").status_code == 405

    def test_takes_no_batch(self, till):
        assert till.post("/graphql", [{"query": "{ whoami { partner } }"}]).status_code == 422

    def test_takes_json_alone(self, till):
        response = till.post("/graphql", b"query=1", content_type="application/x-www-form-urlencoded")

        assert response.status_code == 415

    @pytest.mark.parametrize(
        ("field", "scope"),
        [
            ("members { nodes { id } }", "members:read"),
            ('member(reference: "card:1") { id }', "members:read"),
            ("segments { nodes { id } }", "members:read"),
            ("tierLadders { id }", "members:read"),
            ("transactions { nodes { id } }", "transactions:read"),
            ("redemptions { nodes { id } }", "members:read"),
            ("rewards { nodes { id } }", "rewards:read"),
            ("campaigns { nodes { id } }", "campaigns:read"),
        ],
    )
    def test_asks_for_the_scope_of_each_field(self, program, field, scope):
        partner = factories.PartnerFactory.create(program=program)
        client = PartnerClient.of(partner, scopes=["events:read"])

        answer = ask(client, f"{{ whoami {{ program }} asked: {field} }}")

        assert answer["data"] == {"whoami": {"program": "coffee"}, "asked": None}
        assert answer["errors"][0]["extensions"] == {"code": "missing_scope", "scope": scope}
        assert answer["errors"][0]["path"] == ["asked"]

    def test_asks_for_the_scope_of_what_hangs_on_a_member(self, program, ada):
        partner = factories.PartnerFactory.create(program=program)
        client = PartnerClient.of(partner, scopes=["members:read"])
        parts = " ".join(
            f"{part} {{ nodes {{ id }} }}" for part in ("transactions", "redemptions", "vouchers")
        )

        answer = ask(client, f'{{ member(reference: "card:1001") {{ {parts} }} }}')

        nothing: dict[str, list[Any]] = {"nodes": []}
        assert answer["data"]["member"] == {
            "transactions": None,
            "redemptions": nothing,
            "vouchers": nothing,
        }
        assert code_of(answer) == "missing_scope"


class TestLimits:
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("{ whoami { partner ", "invalid_query"),
            ("{ nothing }", "invalid_query"),
            ("mutation { whoami { partner } }", "invalid_query"),
            ("query a { whoami { partner } } query b { whoami { partner } }", "invalid_query"),
            ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "invalid_query"),
            ("{ members(first: 0) { nodes { id } } }", "invalid_filter"),
            ("{ members(first: 201) { nodes { id } } }", "invalid_filter"),
            ('{ members(after: "x") { nodes { id } } }', "invalid_cursor"),
            ('{ members(status: "asleep") { nodes { id } } }', "invalid_filter"),
            (r'{ members(status: "\u0000") { nodes { id } } }', "invalid_filter"),
            ("{ whoami { partner } } fragment a on Whoami { partner }", "invalid_query"),
            ("{ ...a }" + " fragment a on Query { whoami { partner } }" * 2, "invalid_query"),
            ("{" + " tierLadders { key }" * 11 + " }", "query_too_large"),
            (
                "{" + " ...a ... on Query { ...a }" * 6 + "} fragment a on Query { __typename }",
                "query_too_large",
            ),
            ("{" + "a{" * 9 + "a" + "}" * 10, "query_too_large"),
            ("{" + "a{" * 600 + "a" + "}" * 601, "query_too_large"),
            ("{" + " ".join(f"a{n}: whoami {{ partner }}" for n in range(21)) + "}", "query_too_large"),
            ("{ whoami {" + " partner" * 501 + "} }", "query_too_large"),
            ("{ whoami {" + " partner" * 2001 + "} }", "query_too_large"),
            ("{ whoami { partner } }" + " " * 20_000, "query_too_large"),
            (" ".join(f"query q{n} {{ whoami {{ partner }} }}" for n in range(6)), "query_too_large"),
            (
                "{ members(first: 200) { nodes { transactions(first: 200) { nodes { id } } } } }",
                "query_too_expensive",
            ),
            (
                "query($n: Int = 200) { members(first: $n) { nodes { wallets { entries(first: $n)"
                " { nodes { id } } } } } }",
                "query_too_expensive",
            ),
        ],
    )
    def test_refuse_with_a_code(self, till, query, code):
        answer = ask(till, query)

        assert code_of(answer) == code
        assert not answer.get("data") or set(answer["data"].values()) == {None}

    def test_see_through_fragments_that_multiply(self, till):
        spread = "".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }} " for n in range(30))
        query = "{ ...f0 } " + spread + "fragment f30 on Query { whoami { partner } }"

        assert code_of(ask(till, query)) == "query_too_large"

    def test_are_found_before_anything_takes_long(self, till):
        many = " rewards { nodes { key } }" * 270

        began = process_time()
        codes = [
            code_of(ask(till, text))
            for text in (
                "{" + many + "}",
                "{ whoami { partner } } fragment a on Query {" + many + "}",
                "{ ...a } fragment a on Query {" + many + "} fragment a on Query { __typename }",
            )
        ]
        took = process_time() - began

        assert codes == ["query_too_large", "invalid_query", "invalid_query"]
        assert took < 0.5  # seconds, where comparing all with all takes as many for each

    def test_read_nothing_of_a_query_that_is_refused(self, till, django_assert_num_queries):
        with django_assert_num_queries(1):  # who calls
            ask(till, "{ members(first: 200) { nodes { transactions(first: 200) { nodes { id } } } } }")

    def test_let_tools_read_the_schema(self, till):
        from graphql import get_introspection_query

        answer = ask(till, get_introspection_query())

        assert answer["data"]["__schema"]["queryType"]["name"] == "Query"
