"""A campaign's life as a plain model: no database, no versions, only what people were told."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final


class Refused(Exception):
    """With the code of the refusal that is expected."""


EDITABLE: Final = ("draft", "approved", "scheduled", "running", "paused")


@dataclass
class Entry:
    """From a moment on, members earn so many points."""

    at: datetime
    points: int
    was_published_in_a_pause: bool = False


@dataclass
class Model:
    """What everybody would say of the campaign. `plan` is what holds if there is no pause."""

    needs_approval: bool
    draft: int = 1
    status: str = "draft"
    asked: int | None = None
    agreed: int | None = None
    plan: list[Entry] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def edit(self, points: int, now: datetime) -> None:
        self._may_change()
        if points != self.draft:
            self.draft, self.agreed = points, None
            self.status = "draft" if self.status == "approved" else self.status

    def submit(self, now: datetime) -> None:
        self._may_change()
        if self.agreed == self.draft:
            raise Refused("nothing_to_review")
        if self.status in ("scheduled", "running") and self.plan[-1].points == self.draft:
            raise Refused("nothing_to_review")
        self.asked, self.agreed = self.draft, None
        self.status = "in_review" if self.status in ("draft", "approved") else self.status

    def withdraw(self, now: datetime) -> None:
        if self.asked is None:
            raise Refused("nothing_to_review")
        self._answered()

    def approve(self, now: datetime) -> None:
        if self.asked is None:
            raise Refused("not_waiting")
        self.agreed, self.asked = self.asked, None
        self.status = "approved" if self.status == "in_review" else self.status

    def reject(self, now: datetime) -> None:
        if self.asked is None:
            raise Refused("not_waiting")
        self._answered()

    def publish(self, at: datetime, now: datetime) -> None:
        self._may_change()
        if self.needs_approval and self.agreed != self.draft:
            raise Refused("approval_needed")
        is_stopped = self.status not in ("scheduled", "running")
        if self._has_been_published_since_the_pause():
            is_stopped = False
        if not is_stopped and self.plan[-1].points == self.draft and self.plan[-1].at <= at:
            raise Refused("nothing_to_publish")
        self._plan(Entry(at, self.draft, was_published_in_a_pause=self.status == "paused"))
        self._begin(at, now)

    def call_off(self, now: datetime) -> None:
        if self.status == "scheduled":
            self.plan = []
            self.status = "approved" if self.agreed == self.draft else "draft"
            return
        if self.status not in ("running", "paused") or self.plan[-1].at <= now:
            raise Refused("nothing_scheduled")
        current = self._planned(now)
        self.plan = [Entry(now, current.points)]

    def pause(self, now: datetime) -> None:
        if self.status != "running":
            raise Refused("campaign_not_running")
        self.status = "paused"

    def resume(self, now: datetime) -> None:
        if self.status != "paused":
            raise Refused("campaign_not_running")
        self._wake()

    def end(self, now: datetime) -> None:
        if self.status not in ("running", "paused"):
            raise Refused("campaign_not_running")
        self.status = "ended"
        self.told.append("campaign.ended")

    def archive(self, now: datetime) -> None:
        if self.status == "in_review":
            raise Refused("campaign_in_review")
        if self.status not in ("draft", "ended"):
            raise Refused("campaign_not_ended")
        self.status = "archived"

    def unarchive(self, now: datetime) -> None:
        if self.status != "archived":
            raise Refused("campaign_not_ended")
        self.status = "ended" if "campaign.started" in self.told else "draft"

    def wait(self, now: datetime) -> None:
        if self.status == "scheduled" and self.plan[0].at <= now:
            self.status = "running"
            self.told.append("campaign.started")
        if self.status == "paused" and any(
            entry.was_published_in_a_pause and entry.at <= now for entry in self.plan
        ):
            self._wake()

    def earned(self, now: datetime) -> int | None:
        """What members get at that moment; None if nothing."""
        return self._planned(now).points if self.status == "running" else None

    def _may_change(self) -> None:
        if self.status in ("ended", "archived"):
            raise Refused("campaign_has_ended")
        if self.asked is not None:
            raise Refused("campaign_in_review")

    def _answered(self) -> None:
        self.asked = None
        self.status = "draft" if self.status == "in_review" else self.status

    def _plan(self, entry: Entry) -> None:
        self.plan = [*(other for other in self.plan if other.at < entry.at), entry]

    def _has_been_published_since_the_pause(self) -> bool:
        return self.status == "paused" and bool(self.plan) and self.plan[-1].was_published_in_a_pause

    def _begin(self, at: datetime, now: datetime) -> None:
        if self.status in ("draft", "approved", "scheduled"):
            self.status = "scheduled" if self.plan[0].at > now else "running"
            if self.status == "running":
                self.told.append("campaign.started")
        elif self.status == "paused" and at <= now:
            self._wake()

    def _wake(self) -> None:
        self.status = "running"
        for entry in self.plan:
            entry.was_published_in_a_pause = False

    def _planned(self, now: datetime) -> Entry:
        return [entry for entry in self.plan if entry.at <= now][-1]
