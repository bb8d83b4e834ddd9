"""The page of the program as code: for whom, between which programs, and what it does with bad files."""

import html
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from loyalty.core.models import Assignment, Program, ProgramKind, Role, User
from rewards.blueprint import document, reading
from rewards.models import Campaign, CampaignStatus, Reward
from tests import factories
from tests.clients import browser_of, employed

PAGE, DOWNLOAD = reverse("blueprint"), reverse("blueprint_download")
DIFFERENCES, APPLY = reverse("blueprint_differences"), reverse("blueprint_apply")


def upload(client: Client, raw: bytes) -> Any:
    return client.post(DIFFERENCES, {"file": SimpleUploadedFile("program.yaml", raw)})


def sent_on(response: Any) -> dict[str, Any]:
    """What the page's form would send: what was looked at."""
    body = response.content.decode()
    seen = re.search(r'name="seen" value="([0-9a-f]+)"', body)
    raw = re.search(r'<textarea name="raw" hidden>\n(.*?)</textarea>', body, re.DOTALL)
    assert seen
    assert raw
    return {"seen": seen[1], "raw": html.unescape(raw[1]).replace("\n", "\r\n")}


@pytest.fixture
def client(administrator: User) -> Client:
    return browser_of(administrator)


class TestPermissions:
    @pytest.mark.parametrize("role", list(Role))
    def test_of_each_role(self, designed: Program, role: Role):
        client = browser_of(employed(designed, role))
        raw = document.export(designed)

        answers = [
            client.get(PAGE).status_code,
            client.get(DOWNLOAD).status_code,
            upload(client, raw.encode()).status_code,
            client.post(APPLY, {"raw": raw, "seen": "x"}).status_code,
            client.post(APPLY, {"raw": raw, "seen": "x", "publish": "weekend"}).status_code,
        ]

        expected = {
            Role.OPERATOR: [200, 200, 200, 403, 403],
            Role.ADMINISTRATOR: [200, 200, 200, 302, 302],
        }
        assert answers == expected.get(role, [403] * 5)

    def test_only_those_who_may_see_it_find_it_in_the_sidebar(self, designed: Program):
        bodies = {
            role: browser_of(employed(designed, role)).get(reverse("admin:index")).content.decode()
            for role in Role
        }

        assert {role for role, body in bodies.items() if f'href="{PAGE}"' in body} == {
            Role.OPERATOR,
            Role.ADMINISTRATOR,
        }

    def test_nothing_is_applied_by_following_a_link(self, client: Client, designed: Program):
        assert [client.get(address).status_code for address in (DIFFERENCES, APPLY)] == [405, 405]


class TestFile:
    def test_is_downloaded_looked_at_and_applied(self, client: Client, designed: Program):
        raw = client.get(DOWNLOAD).content.replace(b"price: 900", b"price: 950")

        shown = upload(client, raw)
        applied = client.post(APPLY, sent_on(shown), follow=True)

        body = shown.content.decode()
        assert "<del>900</del>" in body
        assert "<ins>950</ins>" in body
        assert "Applied: 1 difference." in applied.content.decode()
        assert Reward.objects.get(key="cake").price == 950

    def test_that_says_the_same_has_nothing_to_apply(self, client: Client, designed: Program):
        Campaign.objects.filter(key="weekend").update(draft={})

        body = upload(client, client.get(DOWNLOAD).content).content.decode()

        assert "Nothing: both are the same." in body
        assert "Apply to" not in body

    def test_publishes_what_is_ticked(self, client: Client, designed: Program):
        shown = upload(client, client.get(DOWNLOAD).content)

        client.post(APPLY, sent_on(shown) | {"publish": "weekend"})

        assert Campaign.objects.get(key="weekend").status == CampaignStatus.RUNNING

    def test_is_not_applied_to_what_was_not_looked_at(self, client: Client, designed: Program):
        shown = upload(client, client.get(DOWNLOAD).content.replace(b"price: 900", b"price: 950"))
        Reward.objects.filter(key="coffee").update(price=1)

        answer = client.post(APPLY, sent_on(shown), follow=True)

        assert "The program was changed meanwhile" in answer.content.decode()
        assert Reward.objects.get(key="cake").price == 900

    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            (b"x" * (reading.BYTES_AT_MOST + 1), "The file is too big"),
            (b"a: &a [x]\nb: [*a, *a]", "Anchors (&amp;) and aliases (*) are not read"),
            (b"!!python/object/apply:os.system [id]", "Tags (!) are not read"),
            (b"\xff\xfe", "not in UTF-8"),
            (b"format: regulars-program/1\ncurrency: EUR\nrewards: {tea: {}}\n", "line 3"),
            (b"<script>alert(1)</script>: 1", "&lt;script&gt;"),
        ],
    )
    def test_with_faults_is_refused_and_says_where(
        self, client: Client, designed: Program, raw: bytes, said: str
    ):
        response = upload(client, raw)

        assert response.status_code == 422
        assert said in response.content.decode()
        assert "<script>alert" not in response.content.decode()

    def test_has_to_be_chosen(self, client: Client, designed: Program):
        assert "Choose a file or a program first" in client.post(DIFFERENCES).content.decode()

    def test_is_taken_as_it_is_whatever_letters_are_in_it(self, client: Client, designed: Program):
        name = "“Tee” & <b>Kuchen</b>\tfür’s Café ☕"
        Reward.objects.filter(key="cake").update(name="Cake")
        raw = client.get(DOWNLOAD).content.decode().replace("name: Cake", f'name: "{name}"')

        shown = upload(client, raw.replace("\t", "\\t").encode())
        client.post(APPLY, sent_on(shown))

        assert "<b>Kuchen" not in shown.content.decode()
        assert Reward.objects.get(key="cake").name == name


class TestBetweenPrograms:
    @pytest.fixture
    def sandbox(self, designed: Program) -> Program:
        return factories.ProgramFactory.create(
            key="coffee-sandbox", name="Sandbox of coffee", kind=ProgramKind.SANDBOX
        )

    def test_the_sandbox_goes_live(
        self, client: Client, designed: Program, administrator: User, sandbox: Program
    ):
        Assignment.objects.create(user=administrator, program=sandbox, role=Role.OPERATOR)
        kind = factories.WalletTypeFactory.create(program=sandbox)
        factories.RewardFactory.create(program=sandbox, key="tea", name="Tea", wallet_type=kind, price=70)

        shown = client.post(DIFFERENCES, {"program": sandbox.pk})
        client.post(APPLY, sent_on(shown))

        assert "from Sandbox of coffee" in shown.content.decode()
        assert Reward.objects.get(program=designed, key="tea").price == 70
        assert Reward.objects.get(program=designed, key="cake").is_active
        assert Reward.objects.filter(program=sandbox).count() == 1

    @pytest.mark.parametrize("role", [None, Role.MARKETER, Role.FINANCE])
    def test_a_program_is_offered_and_read_only_with_the_permission_in_it(
        self, client: Client, administrator: User, sandbox: Program, role: Role | None
    ):
        if role:
            Assignment.objects.create(user=administrator, program=sandbox, role=role)

        page = client.get(PAGE)
        response = client.post(DIFFERENCES, {"program": sandbox.pk})

        assert "Sandbox of coffee (sandbox)" not in page.content.decode()
        assert response.status_code == 403
