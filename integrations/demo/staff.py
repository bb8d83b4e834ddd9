"""One log-in for each role, and what it takes to use it."""

import secrets
from typing import Final

from integrations.demo.notes import Login, Notes
from loyalty.core.models import Assignment, Program, Role, User

PEOPLE: Final = {
    Role.ADMINISTRATOR: ("Amina", "Okafor"),
    Role.MARKETER: ("Marta", "Lindqvist"),
    Role.SUPPORT: ("Sam", "Whitaker"),
    Role.FINANCE: ("Farid", "Haddad"),
    Role.OPERATOR: ("Olga", "Brandt"),
}


def ensure(*, programs: list[Program], notes: Notes) -> list[Login]:
    """
    Make the accounts, with their roles in all of the programs.

    A password that was noted is kept; without a note a new one is drawn, as nobody knows the old one.
    """
    return [_ensure(role, programs=programs, noted=notes.password_of(email_of(role))) for role in PEOPLE]


def _ensure(role: Role, *, programs: list[Program], noted: str | None) -> Login:
    first_name, last_name = PEOPLE[role]
    user, is_new = User.objects.get_or_create(
        email=email_of(role), defaults={"first_name": first_name, "last_name": last_name, "is_staff": True}
    )
    password = noted or secrets.token_urlsafe(12)
    # Both are slow by design: one of them is enough.
    if is_new or not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    for program in programs:
        Assignment.objects.get_or_create(user=user, program=program, defaults={"role": role})
    return Login(role=role.value, email=user.email, password=password)


def email_of(role: Role) -> str:
    return f"{role.value}@corner-market.example"
