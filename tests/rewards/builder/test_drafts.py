"""Drafts: kept whole or incomplete, and never over what somebody else saved."""

import pytest

from loyalty.core.models import Program
from members.models import WalletType
from rewards.models import Campaign
from rewards.planning import campaigns, drafts, publishable
from tests import factories

RULE = factories.definition({"kind": "fixed_points", "points": 5})
OTHER = factories.definition({"kind": "fixed_points", "points": 7})


@pytest.fixture
def campaign(program: Program, points: WalletType) -> Campaign:
    return factories.CampaignFactory.create(program=program, key="coffee", name="Coffee", draft=RULE)


def save(campaign: Campaign, *, started_from: str, **changes: object) -> None:
    wanted = {"name": campaign.name, "description": "", "definition": RULE, **changes}
    drafts.save(campaign, started_from=started_from, **wanted)  # type: ignore[arg-type]


class TestSave:
    def test_keeps_a_draft_that_is_not_complete(self, campaign: Campaign):
        incomplete = {"trigger": {"kind": "sale"}, "conditions": {"all": [{"fact": ""}]}, "effects": []}

        save(campaign, started_from=drafts.revision(campaign), definition=incomplete)

        assert Campaign.objects.get().draft == incomplete

    def test_keeps_a_number_of_any_size(self, campaign: Campaign):
        large = factories.definition({"kind": "fixed_points", "points": 10**30})

        save(campaign, started_from=drafts.revision(campaign), definition=large)

        kept = Campaign.objects.get()
        assert kept.draft == large
        assert drafts.revision(kept) == drafts.revision(campaign)

    def test_does_not_overwrite_what_somebody_else_saved(self, campaign: Campaign):
        begun = drafts.revision(campaign)
        theirs = Campaign.objects.get()
        save(theirs, started_from=begun, definition=OTHER, name="Theirs")

        with pytest.raises(drafts.DraftHasChanged) as refused:
            save(campaign, started_from=begun, definition=RULE | {"effects": []})

        assert refused.value.campaign.name == "Theirs"
        kept = Campaign.objects.get()
        assert (kept.draft, kept.name) == (OTHER, "Theirs")

    def test_what_both_say_is_no_conflict(self, campaign: Campaign):
        begun = drafts.revision(campaign)
        save(Campaign.objects.get(), started_from=begun, definition=OTHER)

        save(campaign, started_from=begun, definition=OTHER)

        assert campaign.draft == OTHER

    def test_overwrites_once_somebody_has_seen_the_other_and_chosen(self, campaign: Campaign):
        save(Campaign.objects.get(), started_from=drafts.revision(campaign), definition=OTHER)

        save(campaign, started_from=drafts.revision(Campaign.objects.get()), definition=RULE)

        assert Campaign.objects.get().draft == RULE

    def test_a_name_alone_is_a_change_too(self, campaign: Campaign):
        begun = drafts.revision(campaign)
        save(Campaign.objects.get(), started_from=begun, name="Tea")

        with pytest.raises(drafts.DraftHasChanged):
            save(campaign, started_from=begun, definition=OTHER)

    def test_leaves_alone_what_has_ended(self, campaign: Campaign):
        campaigns.publish(campaign, definition=RULE, by=None, at=factories.NOON)
        campaigns.end(campaign, by=None, at=factories.NOON)

        with pytest.raises(publishable.CampaignHasEnded):
            save(campaign, started_from=drafts.revision(campaign), definition=OTHER)

        assert Campaign.objects.get().draft == RULE

    def test_publishing_moves_the_revision_only_if_it_changes_the_draft(self, campaign: Campaign):
        begun = drafts.revision(campaign)
        campaigns.publish(campaign, definition=RULE, by=None, at=factories.NOON)

        save(campaign, started_from=begun, definition=OTHER)

        assert Campaign.objects.get().draft == OTHER


class TestRevision:
    def test_is_the_same_for_equal_drafts_however_their_keys_are_ordered(self, campaign: Campaign):
        before = drafts.revision(campaign)

        campaign.draft = dict(reversed(RULE.items()))

        assert drafts.revision(campaign) == before

    def test_a_campaign_that_was_never_saved_has_none(self, program: Program):
        assert drafts.revision(Campaign(program=program, name="New")) == ""
