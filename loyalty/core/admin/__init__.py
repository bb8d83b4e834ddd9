from loyalty.core.admin.approvals import ApprovalAdmin
from loyalty.core.admin.base import FactAdmin, ProgramModelAdmin, ThemedAdmin, program_of, render, user_of
from loyalty.core.admin.events import EventAdmin
from loyalty.core.admin.pages import View, program_page
from loyalty.core.admin.programs import ProgramAdmin
from loyalty.core.admin.schedules import CrontabScheduleAdmin, IntervalScheduleAdmin, PeriodicTaskAdmin
from loyalty.core.admin.staff import AssignmentAdmin, UserAdmin

__all__ = [
    "ApprovalAdmin",
    "AssignmentAdmin",
    "CrontabScheduleAdmin",
    "EventAdmin",
    "FactAdmin",
    "IntervalScheduleAdmin",
    "PeriodicTaskAdmin",
    "ProgramModelAdmin",
    "ProgramAdmin",
    "ThemedAdmin",
    "UserAdmin",
    "View",
    "program_of",
    "program_page",
    "render",
    "user_of",
]
