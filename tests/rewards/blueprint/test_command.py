"""`manage.py program`, as a person or a pipeline calls it."""

import sys
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from loyalty.core.models import Program, Role, User
from rewards.blueprint import document
from rewards.models import Campaign, CampaignStatus, Reward
from tests.clients import employed


def manage(*arguments: str, program: str = "coffee") -> str:
    told = StringIO()
    call_command("program", *arguments, "--program", program, stdout=told)
    return told.getvalue()


@pytest.fixture
def file(designed: Program, tmp_path: Path) -> Path:
    """The program's file, with another price for the cake."""
    path = tmp_path / "program.yaml"
    path.write_text(document.export(designed).replace("price: 900", "price: 950"), encoding="utf-8")
    return path


class TestProgram:
    def test_is_exported_to_a_file_or_the_standard_output(self, designed: Program, tmp_path: Path):
        manage("export", str(tmp_path / "out.yaml"))

        assert (tmp_path / "out.yaml").read_text(encoding="utf-8") == document.export(designed)
        assert manage("export") == document.export(designed)

    def test_is_checked_and_all_faults_are_told(self, file: Path):
        good = manage("check", str(file))
        file.write_text("format: regulars-program/1\ncurrency: USD\nrewards: {tea: {price: x}}\n")

        with pytest.raises(CommandError) as refused:
            manage("check", str(file))

        assert "Nothing is wrong" in good
        assert str(refused.value).splitlines() == [
            "line 3: rewards.tea.price: Write a whole number.",
            "line 3: rewards.tea: “name” is missing.",
            "line 3: rewards.tea: “wallet_type” is missing.",
        ]

    def test_differences_are_told_and_end_with_a_code_of_their_own(self, file: Path, designed: Program):
        told = StringIO()

        with pytest.raises(SystemExit) as ended:
            call_command("program", "diff", str(file), "--program", "coffee", stdout=told)
        file.write_text(document.export(designed), encoding="utf-8")

        assert ended.value.code == 3
        assert "~ rewards.cake “Cake”\n    price: 900 → 950\n" in told.getvalue()
        assert "No differences." in manage("diff", str(file))
        assert Reward.objects.get(key="cake").price == 900

    def test_is_applied_in_the_name_of_somebody_who_may(self, file: Path, administrator: User):
        told = manage("apply", str(file), "--as", administrator.email, "--publish", "weekend")
        again = manage("apply", str(file), "--as", administrator.email, "--publish")

        assert told.endswith("Applied.\n")
        assert "No differences." in again
        assert Reward.objects.get(key="cake").price == 950
        assert Campaign.objects.get(key="weekend").status == CampaignStatus.RUNNING

    def test_is_read_from_the_standard_input(
        self, file: Path, administrator: User, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(file.read_bytes())))

        manage("apply", "-", "--as", administrator.email)

        assert Reward.objects.get(key="cake").price == 950

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "Say who applies it"),
            (("--as", "nobody@example.org"), "Nobody here has the e-mail address"),
            (("--as", "marketer@coffee.example.org"), "has no permission for this"),
            (("--as", "operator@coffee.example.org"), "has no permission for this"),
            (("--as", "administrator@coffee.example.org", "--publish", "gone"), "has no campaign gone"),
        ],
    )
    def test_is_not_applied_by_just_anybody(
        self, file: Path, designed: Program, arguments: tuple[str, ...], said: str
    ):
        employed(designed, Role.MARKETER)
        employed(designed, Role.OPERATOR)
        employed(designed, Role.ADMINISTRATOR)

        with pytest.raises(CommandError, match=said):
            manage("apply", str(file), *arguments)

        assert Reward.objects.get(key="cake").price == 900

    def test_that_does_not_exist_is_told(self, file: Path):
        with pytest.raises(CommandError, match="There is no program “tea”"):
            manage("check", str(file), program="tea")
        with pytest.raises(CommandError, match="No such file"):
            manage("check", "/no/such/file.yaml")
