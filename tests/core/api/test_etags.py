class TestETag:
    def test_is_the_same_until_something_changes(self, till, program):
        first, second = till.get("/v1/note"), till.get("/v1/note")
        program.name = "Another"
        program.save()

        third = till.get("/v1/note")

        assert first.headers["ETag"] == second.headers["ETag"] != third.headers["ETag"]
        assert first.headers["ETag"].startswith('"')

    def test_spares_a_reader_what_it_has_already(self, till):
        tag = till.get("/v1/note").headers["ETag"]

        for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            response = till.get("/v1/note", headers={"If-None-Match": known})
            assert (response.status_code, response.content) == (304, b""), known
        assert till.get("/v1/note", headers={"If-None-Match": '"other"'}).status_code == 200

    def test_lets_change_whoever_has_seen_the_present_state(self, till, program):
        response = till.edit("PATCH", "/v1/note", {"name": "New"})

        program.refresh_from_db()
        assert (response.status_code, program.name) == (200, "New")
        assert response.headers["ETag"] == till.get("/v1/note").headers["ETag"]

    def test_refuses_whoever_has_not(self, till, program):
        stale = till.get("/v1/note").headers["ETag"]
        till.edit("PATCH", "/v1/note", {"name": "New"})

        for seen in (stale, f"W/{till.get('/v1/note').headers['ETag']}", '"other"', "nonsense", ""):
            headers = {"If-Match": seen}
            response = till.generic("PATCH", "/v1/note", b"{}", "application/json", headers=headers)
            assert (response.status_code, response.json()["code"]) == (412, "precondition_failed"), seen
        program.refresh_from_db()
        assert program.name == "New"

    def test_tells_whoever_left_the_quotation_marks_away(self, till, program):
        seen = till.get("/v1/note").headers["ETag"]

        refused = till.edit("PATCH", "/v1/note", {"name": "New"}, seen=seen.strip('"'))

        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
        assert "quotation marks" in refused.json()["detail"]

    def test_is_asked_for(self, till):
        response = till.edit("PATCH", "/v1/note", {"name": "New"}, seen=None)

        assert (response.status_code, response.json()["code"]) == (428, "precondition_required")
