import pytest


def numbers(*given):
    return {"items": [{"number": number} for number in given]}


class TestBulk:
    def test_says_of_each_item_in_order_what_became_of_it(self, till):
        response = till.post("/v1/orders/batch", numbers("1", "refused", "2"))

        assert response.status_code == 207
        first, second, third = response.json()["results"]
        assert (first["index"], first["status"], first["body"]["number"]) == (0, 201, "1")
        assert (second["index"], second["status"]) == (1, 409)
        assert second["problem"]["code"] == "sold_out_in_test"
        assert second["problem"]["errors"] == [{"detail": "None is left.", "pointer": "#/items/1/number"}]
        assert (third["status"], third["body"]["number"]) == (201, "2")

    def test_refuses_an_item_of_another_shape_alone(self, till):
        body = {"items": [{"number": 7}, {"number": "1"}, {"number": "2", "colour": "red"}, "3"]}

        results = till.post("/v1/orders/batch", body).json()["results"]

        assert [result["status"] for result in results] == [422, 201, 422, 422]
        assert results[0]["problem"]["errors"][0]["pointer"] == "#/items/0/number"
        assert results[2]["problem"]["errors"][0]["pointer"] == "#/items/2/colour"
        assert results[3]["problem"]["errors"][0]["pointer"] == "#/items/3"

    def test_refuses_an_item_with_a_nul_byte_alone(self, till):
        body = b'{"items": [{"number": "a\\u0000b"}, {"number": "1"}]}'

        results = till.post("/v1/orders/batch", body).json()["results"]

        assert [result["status"] for result in results] == [422, 201]
        assert results[0]["problem"]["errors"][0]["pointer"] == "#/items/0/number"

    def test_asks_for_no_key(self, till):
        response = till.post("/v1/orders/batch", numbers("1"), idempotency_key=None)

        assert response.status_code == 207

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({}, "#/items"),
            ({"items": []}, "#/items"),
            ({"items": [{"number": "1"}] * 1_001}, "#/items"),
            ({"items": {}}, "#/items"),
            ({"items": [], "more": 1}, "#/items"),
            ([], "#"),
        ],
    )
    def test_refuses_a_body_that_is_no_batch(self, till, body, pointer):
        response = till.post("/v1/orders/batch", body)

        assert response.status_code == 422
        assert response.json()["errors"][0]["pointer"] == pointer
