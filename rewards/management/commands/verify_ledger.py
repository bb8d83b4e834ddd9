import json
import sys
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from loyalty.core.models import Program
from members.ledger.verify import Fault, Progress
from members.models import CheckStatus, LedgerCheck
from rewards.books import checking

CLEAN, FAULTS, NOT_DONE = 0, 1, 2
ACTOR: Final = "system:command"


class Command(BaseCommand):
    help = (
        "Prove that points add up and that nobody changed history."
        " Ends with 0 if all is in order, with 1 if faults were found, with 2 if it could not be done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--program", help="key of the only program to check")
        parser.add_argument(
            "--sample",
            type=int,
            default=checking.SAMPLED,
            help="past activities to work out again (%(default)s)",
        )
        parser.add_argument("--seed", type=int, help="draws the same activities again")
        parser.add_argument(
            "--limit", type=int, default=50, help="faults to print (%(default)s); all are counted"
        )
        parser.add_argument(
            "--against",
            metavar="EVENT:DIGEST",
            help="a digest of this --program that an earlier check told: is all that it saw as it was?",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            results = [self._check(program, options) for program in _programs(options["program"])]
        except CommandError:
            raise
        except Exception as error:  # whatever it is, monitoring must not take it for a clean ledger
            self.stderr.write(
                self.style.ERROR(f"The check could not be done: {type(error).__name__}: {error}")
            )
            sys.exit(NOT_DONE)
        if options["json"]:
            self.stdout.write(json.dumps({"checks": [told for told, _ in results]}, indent=2))
        sys.exit(FAULTS if any(count for _, count in results) else CLEAN)

    def _check(self, program: Program | None, options: dict[str, Any]) -> tuple[dict[str, Any], int]:
        against = _digest(options["against"], program)
        check, is_new = checking.ask(program, actor=ACTOR)
        if not is_new:
            raise CommandError("A check is under way already.", returncode=NOT_DONE)
        shown: list[Fault] = []
        with tqdm(unit=" rows", unit_scale=True, desc=_name(program), disable=None, leave=False) as bar:

            def listener(progress: Progress) -> None:
                bar.total = progress.rows * progress.of_members // max(progress.members, 1)
                bar.update(progress.rows - bar.n)

            for fault in checking.carry_out(
                check,
                sample=options["sample"],
                seed=options["seed"],
                against=against,
                listener=listener,
            ):
                if len(shown) < options["limit"]:
                    shown.append(fault)
                    if not options["json"]:
                        tqdm.write(f"{fault.row}: {fault.detail} [{fault.check}]", file=self.stdout)
        if not options["json"]:
            self._sum_up(check)
        return _told(check, shown), check.fault_count

    def _sum_up(self, check: LedgerCheck) -> None:
        figures = f"{check.rows:,} rows of {check.members:,} members in {check.seconds:,.1f} s"
        if check.rows and check.seconds:
            figures += f", {check.rows / check.seconds:,.0f} a second"
        if check.status == CheckStatus.IN_ORDER:
            self.stdout.write(
                self.style.SUCCESS(f"{_name(check.program)}: the ledger is in order ({figures}).")
            )
        else:
            self.stdout.write(
                self.style.ERROR(f"{_name(check.program)}: {check.fault_count:,} faults ({figures}).")
            )


def _programs(key: str | None) -> list[Program | None]:
    if key is None:
        return [*Program.objects.order_by("key"), None]
    program = Program.objects.filter(key=key).first()
    if program is None:
        raise CommandError(f"There is no program “{key}”.", returncode=NOT_DONE)
    return [program]


def _digest(told: str | None, program: Program | None) -> tuple[int, str] | None:
    if told is None:
        return None
    event, _colon, digest = told.partition(":")
    if program is None or not event.isdecimal() or len(digest) != 64:
        raise CommandError("--against takes EVENT:DIGEST, and needs --program.", returncode=NOT_DONE)
    return int(event), digest.lower()


def _name(program: Program | None) -> str:
    return program.key if program else "Rows of no program"


def _told(check: LedgerCheck, shown: list[Fault]) -> dict[str, Any]:
    return {
        "id": str(check.pk),
        "program": check.program.key if check.program else None,
        "status": str(check.status),
        "fault_count": check.fault_count,
        "faults": [{"check": fault.check, "row": fault.row, "detail": fault.detail} for fault in shown],
        "members": check.members,
        "rows": check.rows,
        "sampled": check.sampled,
        "seconds": check.seconds,
        "event_number": check.event_number,
        "digest": check.digest,
    }
