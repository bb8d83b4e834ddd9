"""Whoever may write members and not read them does not learn by writing what others know."""

import pytest

from tests.clients import PartnerClient


@pytest.fixture
def kiosk(till):
    return PartnerClient.of(till.credential.partner, scopes=["members:write"])


def only(ada, *, status):
    return {"id": str(ada.pk), "status": status}


class TestWritingAlone:
    def test_is_told_nothing_of_whom_it_blocks(self, kiosk, ada):
        told = kiosk.post("/v1/members/card:1001/block", {"reason": "lost_card"})

        assert (told.status_code, told.json()) == (200, only(ada, status="blocked"))

    def test_is_told_nothing_of_whom_it_unblocks(self, kiosk, ada):
        kiosk.post("/v1/members/card:1001/block", {"reason": "lost_card"})

        told = kiosk.post("/v1/members/card:1001/unblock", {})

        assert (told.status_code, told.json()) == (200, only(ada, status="active"))

    def test_is_told_nothing_of_whom_it_changes_but_the_new_tag(self, kiosk, till, ada):
        told = kiosk.edit("PATCH", "/v1/members/card:1001", {"last_name": "King"}, seen="*")

        assert (told.status_code, told.json()) == (200, only(ada, status="active"))
        assert told["ETag"] == till.get("/v1/members/card:1001")["ETag"]

    def test_is_told_nothing_of_whom_it_registers_again_in_a_batch(self, kiosk, ada):
        people = [{"identifiers": [{"kind": "card", "value": "1001"}]}]

        (told,) = kiosk.post("/v1/members/batch", {"items": people}, idempotency_key=None).json()["results"]

        assert told == {"index": 0, "status": 200, "body": only(ada, status="active")}

    def test_is_told_all_that_it_said_of_somebody_new(self, kiosk):
        person = {"identifiers": [{"kind": "card", "value": "1"}], "first_name": "Grace"}

        alone = kiosk.post("/v1/members", person).json()
        (among_many,) = kiosk.post(
            "/v1/members/batch",
            {"items": [person | {"identifiers": [{"kind": "card", "value": "2"}]}]},
            idempotency_key=None,
        ).json()["results"]

        assert alone["first_name"] == among_many["body"]["first_name"] == "Grace"
        assert alone.keys() == among_many["body"].keys()


class TestWritingAndReading:
    def test_is_told_the_member(self, till, ada):
        told = till.post("/v1/members/card:1001/block", {"reason": "lost_card"}).json()

        assert told == till.get("/v1/members/card:1001").json()
