from django.contrib import admin

from loyalty.core.admin import ProgramModelAdmin
from rewards.models import Campaign


@admin.register(Campaign)
class CampaignAdmin(ProgramModelAdmin):
    list_display = ("name",)
