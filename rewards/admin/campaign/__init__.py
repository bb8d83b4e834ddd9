from rewards.admin.campaign.admin import CampaignAdmin

__all__ = ["CampaignAdmin"]
