from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from members.ledger import verify
from members.models import Wallet


class Command(BaseCommand):
    help = "Prove that points add up and that nobody changed history. Ends with 1 if anything is wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        with tqdm(total=Wallet.objects.count(), unit=" wallets", disable=None) as bar:

            def progress(check: str, done: int | None) -> None:
                bar.set_description(check)
                if check == verify.CHAIN:
                    bar.update(1)

            for fault in verify.run(progress=progress):
                found += 1
                tqdm.write(f"{fault.row}: {fault.detail} [{fault.check}]", file=self.stdout)
        if found:
            self.stdout.write(self.style.ERROR(f"{found} faults"))
            raise SystemExit(1)
        self.stdout.write(self.style.SUCCESS("The ledger is in order."))
