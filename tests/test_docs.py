"""The guides and the pages of problems, as partners read them."""

import gzip
import html
import json
import re
from urllib.parse import urldefrag, urljoin

import pytest

from loyalty.core import event_catalogue
from loyalty.core.api import docs, docs_search, guides, operation_pages, parsing, problem
from loyalty.core.api.docs_frame import NAMES
from loyalty.core.api.guides import FOLDER

pytestmark = pytest.mark.django_db


def text_of(client, address):
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


class TestGuides:
    def test_are_all_in_the_index(self, client):
        page = text_of(client, "/v1/docs/guides/")

        assert sorted(NAMES) == sorted(path.stem for path in FOLDER.glob("*.md"))
        for name in NAMES:
            assert f'href="/v1/docs/guides/{name}"' in page

    def test_have_headings_tables_and_code(self, client):
        page = text_of(client, "/v1/docs/guides/reference")

        assert '<h2 id="idempotency">' in page
        assert "<table>" in page
        assert '<code class="language-bash">' in text_of(client, "/v1/docs/guides/quick-start")

    @pytest.mark.parametrize("name", NAMES)
    def test_run_no_script_but_the_one_that_is_served_here(self, client, name):
        page = text_of(client, f"/v1/docs/guides/{name}")

        assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/regulars/docs.js" defer>']
        assert not re.search(r' (on\w+|style)="', page)
        assert not re.findall(r'(?:src|href)="https?://[^"]*\.(?:js|css|woff2?|png|svg)"', page)

    def test_show_html_and_do_not_run_it(self, tmp_path, monkeypatch):
        (tmp_path / "bad.md").write_text("# A\n\n<script>alert(1)</script> [x](javascript:alert(1))\n")
        monkeypatch.setattr(guides, "FOLDER", tmp_path)

        shown = guides.read.__wrapped__("bad").html

        assert "&lt;script&gt;" in shown
        assert "<script" not in shown
        assert "href" not in shown

    @pytest.mark.parametrize("name", ["nothing", "..%2f..%2fREADME", "quick-start.md"])
    def test_that_do_not_exist_are_unknown_addresses(self, client, name):
        response = client.get(f"/v1/docs/guides/{name}")

        assert response.status_code == 404
        assert response.json()["code"] == "unknown_address"

    @pytest.mark.parametrize("place", ["guides/nothing", "problems/nothing", "operations/nothing", "nothing"])
    def test_that_do_not_exist_are_a_page_with_a_way_on_to_people(self, client, place):
        response = client.get(f"/v1/docs/{place}", headers={"Accept": "text/html,*/*;q=0.8"})

        assert response.status_code == 404
        assert "There is no such page" in response.content.decode()
        assert 'action="/v1/docs/search"' in response.content.decode()

    @pytest.mark.parametrize("address", ["/v1/docs/", "/v1/docs/operations/", "/v1/docs/guides/crm//"])
    def test_are_found_with_a_slash_too_many(self, client, address):
        answer = client.get(address, follow=True)

        assert (answer.status_code, answer.redirect_chain) == (200, [(address.rstrip("/"), 302)])

    def test_say_where_they_are_and_what_comes_next(self, client):
        page = text_of(client, "/v1/docs/guides/reference")

        assert '<a href="/v1/docs/guides/reference" aria-current="page">' in page
        assert re.search(r'<a href="/v1/docs/guides/quick-start" rel="prev">', page)
        assert re.search(r'<a href="/v1/docs/guides/till-integration" rel="next">', page)
        assert '<li><a href="#idempotency">Idempotency</a></li>' in page

    def test_show_each_answer_under_its_call(self, client):
        page = text_of(client, "/v1/docs/guides/quick-start")

        call, answer = page.index("call /v1/members -H"), page.index("quick-1780315200")
        assert '<div class="code answer"><p>Answer</p>' in page[call:answer]

    def test_are_led_to_from_the_operations(self, client):
        page = text_of(client, "/v1/docs")

        assert 'href="/v1/docs/guides/"' in page
        assert 'href="/v1/docs/problems"' in page


class TestProblemPage:
    def test_is_there_for_every_code(self, client, settings):
        index = text_of(client, "/v1/docs/problems")

        for kind in problem.known():
            page = text_of(client, problem.type_uri(kind.code).removeprefix(settings.BASE_URL))

            assert str(kind.status) in page
            assert f"&quot;code&quot;: &quot;{kind.code}&quot;" in page
            assert f'href="/v1/docs/problems/{kind.code}"' in index
            assert f'id="{kind.code}"' in index

    def test_names_the_operations_that_answer_it(self, client):
        page = text_of(client, "/v1/docs/problems/returned_too_much")

        assert "<code>POST /v1/transactions</code>" in page
        assert 'href="/v1/docs/operations/transactions#record_transaction"' in page
        assert "GET /v1/whoami" not in page

    def test_tells_what_else_is_in_the_answer(self, client):
        page = text_of(client, "/v1/docs/problems/insufficient_points")

        assert "<td><code>available</code></td><td>Points that can be spent now</td>" in page
        assert "&quot;available&quot;: 150" in page

    def test_of_no_code_is_an_unknown_address(self, client):
        assert client.get("/v1/docs/problems/nothing").json()["code"] == "unknown_address"

    def test_is_listed_under_its_status(self, client):
        page = text_of(client, "/v1/docs/problems")

        group = page[page.index('id="status-428"') : page.index('id="status-429"')]
        assert 'id="precondition_required"' in group
        assert group.count("<section") == sum(kind.status == 428 for kind in problem.known())


class TestOperationPages:
    def test_tell_of_every_operation_how_to_call_it_and_what_it_answers(self, client):
        told = {one.id: one for those in operation_pages.topics().values() for one in those}
        spoken = docs.spoken()["paths"].values()

        assert set(told) == {said["operationId"] for methods in spoken for said in methods.values()}
        for key, those in operation_pages.topics().items():
            page = html.unescape(text_of(client, f"/v1/docs/operations/{key}"))
            for one in those:
                assert f'id="{one.id}"' in page
                assert one.call in page
                assert one.answers, one.id
                assert all(answer.example in page for answer in one.answers)

    def test_show_calls_that_run_as_they_stand(self):
        told = {one.id: one for those in operation_pages.topics().values() for one in those}

        assert told["redeem_reward"].call == (
            'curl -sS "$URL/v1/redemptions" \\\n  -H "Authorization: Bearer $KEY" \\\n'
            '  -H "Idempotency-Key: $(uuidgen)" \\\n  -H "Content-Type: application/json" \\\n'
            '  -d \'{\n  "member": {\n    "kind": "card",\n    "value": "1001"\n  },\n'
            '  "reward": "free-coffee"\n}\''
        )
        assert '-X PATCH "$URL/v1/members/card:1001"' in told["update_member"].call
        assert '-H "If-Match: $ETAG"' in told["update_member"].call

    def test_name_the_fields_of_bodies_and_what_is_in_them(self):
        told = {one.id: one for those in operation_pages.topics().values() for one in those}

        fields = {field.name: field for field in told["record_transaction"].fields}

        assert fields["external_id"].is_required
        assert fields["lines[].sku"].type == "string"
        assert fields["member"].about
        assert fields["occurred_at"].type == "moment"

    def test_name_the_fields_of_answers(self, client):
        told = {one.id: one for one in operation_pages.topics()["transactions"]}

        booked, *_later = told["record_transaction"].answers
        page = client.get("/v1/docs/operations/transactions").content.decode()

        fields = {field.name: field for field in booked.fields}
        assert fields["recorded_at"].type == "moment"
        assert fields["wallets[].available"].about in page


def test_patterns_of_texts_are_told_in_words():
    schemas = json.dumps(docs.spoken()["components"]["schemas"], separators=(",", ":"))
    patterns = {json.loads(one) for one in re.findall(r'"pattern":("(?:[^"\\]|\\.)*")', schemas)}

    # As the code has them: the text leaves out what only Python needs.
    own = [one.removesuffix("$") + r"$(?!\n)" for one in patterns]
    told = [parsing.explained(f"Expected `str` matching regex {one!r} - at `$.a`") for one in own]

    assert len(told) >= 6
    assert all("regex" not in detail and pointer == "#/a" for detail, pointer in told)


class TestOpenAPI:
    @pytest.mark.parametrize("form", ["json", "yaml"])
    def test_comes_zipped_to_who_takes_that(self, client, form):
        plain = client.get(f"/v1/openapi.{form}")
        zipped = client.get(f"/v1/openapi.{form}", headers={"Accept-Encoding": "br, gzip"})

        assert "Content-Encoding" not in plain.headers
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in zipped.headers["Vary"]
        assert gzip.decompress(zipped.content) == plain.content
        assert len(zipped.content) < len(plain.content) / 5

    @pytest.mark.parametrize("form", ["json", "yaml"])
    @pytest.mark.parametrize("coding", ["gzip", "identity"])
    def test_is_not_sent_again_to_who_has_it(self, client, form, coding):
        first = client.get(f"/v1/openapi.{form}", headers={"Accept-Encoding": coding})
        tag = first.headers["ETag"]

        again = client.get(
            f"/v1/openapi.{form}", headers={"Accept-Encoding": coding, "If-None-Match": f'"else", W/{tag}'}
        )

        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
        assert again.headers["Cache-Control"] == "no-cache"
        assert "Accept-Encoding" in again.headers["Vary"]

    def test_is_sent_to_who_has_another_form_of_it(self, client):
        tags = {
            client.get(f"/v1/openapi.{form}", headers={"Accept-Encoding": coding}).headers["ETag"]
            for form in ("json", "yaml")
            for coding in ("gzip", "identity")
        }

        answer = client.get("/v1/openapi.json", headers={"If-None-Match": '"0123456789abcdef01234567"'})

        assert answer.status_code == 200
        assert len(tags) == 4


class TestEvents:
    def test_are_all_told_with_their_data_and_a_sample(self, client):
        page = html.unescape(text_of(client, "/v1/docs/events"))

        for kind in event_catalogue.kinds():
            assert f'<section id="{kind.type}">' in page
            assert f'"type": "{kind.type}"' in page
        assert page.count("<dt><code>member_id</code>") == sum(
            k.is_of_member for k in event_catalogue.kinds()
        )


class TestSearch:
    @pytest.mark.parametrize(
        ("asked", "first"),
        [
            ("insufficient_points", "/v1/docs/problems/insufficient_points"),
            ("points.expiring", "/v1/docs/events#points.expiring"),
            ("/v1/redemptions/preview", "/v1/docs/operations/rewards#preview_redemption"),
            ("Idempotency", "/v1/docs/guides/reference#idempotency"),
        ],
    )
    def test_finds_what_has_that_name_first(self, asked, first):
        assert docs_search.find(asked)[0].passage.address == first

    def test_leads_to_places_that_exist(self, client):
        addresses = {urldefrag(passage.address) for passage in docs_search.passages()}
        pages = {target: text_of(client, target) for target, _place in addresses}

        for target, place in addresses:
            assert not place or f'id="{place}"' in pages[target], f"{target}#{place}"

    def test_shows_what_was_asked_for_as_text(self, client):
        page = text_of(client, "/v1/docs/search?q=%3Cscript%3Ealert(1)%3C/script%3E")

        assert "<script>alert" not in page
        assert "Nothing has all of these words" in page

    def test_takes_any_question(self, client):
        for asked in ("", " ", "(", "\\", "a" * 5_000, "ü", "[a", "%00"):
            assert client.get("/v1/docs/search", {"q": asked}).status_code == 200

    def test_marks_the_words(self, client):
        page = text_of(client, "/v1/docs/search?q=retry-after")

        assert "<mark>Retry-After</mark>" in page


def test_every_link_within_the_docs_leads_somewhere(client):
    pages: dict[str, str] = {}
    waiting = {urldefrag(address) for address in ("/v1/docs/guides/", "/v1/docs")}
    done = set()
    while waiting:
        target, place = waiting.pop()
        done.add((target, place))
        if target not in pages:
            pages[target] = text_of(client, target)
        assert not place or f'id="{place}"' in pages[target], f"{target}#{place}"
        if not place and target.startswith("/v1/docs"):
            links = {urljoin(target, link) for link in re.findall(r'<a [^>]*?href="([^"]+)"', pages[target])}
            waiting |= {urldefrag(link) for link in links if link.startswith("/v1")} - done

    assert len(pages) > len(NAMES) + len(problem.known()) + len(operation_pages.topics())
