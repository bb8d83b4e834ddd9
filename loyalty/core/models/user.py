from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.core.ids import new_id
from loyalty.core.models.program import Program
from loyalty.core.tenancy import TenantQuerySet


class Role(models.TextChoices):
    """What a member of staff does in a program; `loyalty.core.roles` says what each may do."""

    MARKETER = "marketer", _("Marketer")
    SUPPORT = "support", _("Support")
    FINANCE = "finance", _("Finance")
    OPERATOR = "operator", _("Operator")
    ADMINISTRATOR = "administrator", _("Administrator")


class UserManager(BaseUserManager["User"]):
    """Users are known by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A member of staff. What someone may do is said per program, by an assignment."""

    username = None  # type: ignore[assignment]  # people log in by e-mail
    email = models.EmailField(_("e-mail"), unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]  # one without user names

    # Where this person is working, and as what: set anew for each request, never stored.
    program: Program | None = None
    role: str | None = None

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.get_full_name() or self.email

    @property
    def actor(self) -> str:
        """How entries and events name this person."""
        return f"staff:{self.pk}"


class AssignmentQuerySet(TenantQuerySet["Assignment"]):
    def held_by(self, user: User) -> Self:
        return self.filter(user=user).select_related("program")


class Assignment(models.Model):
    """One person's role in one program. Without one, a program does not exist for that person."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="assignments")  # a role ends with the person
    program = models.ForeignKey(Program, models.PROTECT, related_name="assignments")
    role = models.CharField(_("role"), max_length=20, choices=Role)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        constraints = [
            models.UniqueConstraint(name="one_role_per_user_and_program", fields=["user", "program"]),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"
