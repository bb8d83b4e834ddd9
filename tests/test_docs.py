"""The guides and the pages of problems, as partners read them."""

import re
from urllib.parse import urldefrag, urljoin

import pytest

from loyalty.core.api import guides, problem
from loyalty.core.api.guides import FOLDER, NAMES

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
    def test_run_no_script(self, client, name):
        assert "<script" not in text_of(client, f"/v1/docs/guides/{name}")

    def test_show_html_and_do_not_run_it(self, tmp_path, monkeypatch):
        (tmp_path / "bad.md").write_text("# A\n\n<script>alert(1)</script> [x](javascript:alert(1))\n")
        monkeypatch.setattr(guides, "FOLDER", tmp_path)

        html = guides.read.__wrapped__("bad").html

        assert "&lt;script&gt;" in html
        assert "<script" not in html
        assert "href" not in html

    @pytest.mark.parametrize("name", ["nothing", "..%2f..%2fREADME", "quick-start.md"])
    def test_that_do_not_exist_are_unknown_addresses(self, client, name):
        response = client.get(f"/v1/docs/guides/{name}")

        assert response.status_code == 404
        assert response.json()["code"] == "unknown_address"

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
        assert "GET /v1/whoami" not in page

    def test_of_no_code_is_an_unknown_address(self, client):
        assert client.get("/v1/docs/problems/nothing").json()["code"] == "unknown_address"


def test_every_link_within_the_docs_leads_somewhere(client):
    seen: dict[str, str] = {}
    waiting = ["/v1/docs/guides/", "/v1/docs/problems"]
    while waiting:
        address = waiting.pop()
        if address in seen or not address.startswith("/v1/docs/"):
            continue
        seen[address] = text_of(client, address)
        for link in re.findall(r'<a href="([^"]+)"', seen[address]):
            target, place = urldefrag(urljoin(address, link))
            if target.startswith("/"):
                waiting.append(target)
                assert not place or f'id="{place}"' in (seen.get(target) or text_of(client, target)), link

    assert len(seen) > len(NAMES) + len(problem.known())
