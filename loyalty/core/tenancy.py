"""
The door between programs.

Note [The door]
~~~~~~~~~~~~~~~
A program's rows are read through `objects.of(program)` by whatever answers somebody outside: the
partner API, GraphQL, exports. There is no other way to a model there (no bare `objects.filter()`, no
default manager, no `get_object_or_404`), so that a forgotten condition cannot show one company the
members of another. `tests/test_tenancy.py` reads the source of those modules and holds them to it; it
also knows each model that belongs to a program, and sees that its `of` leads there.

Statements that are written by hand (`db.fetch`) take the program as a parameter.
"""

from typing import TYPE_CHECKING, Final, Self
from uuid import UUID

from django.db import models

if TYPE_CHECKING:  # models stand on this module
    from loyalty.core.models import Program

DIRECTLY: Final = "program"


class TenantQuerySet[M: models.Model](models.QuerySet[M]):
    """
    Rows that belong to a program.

    A model that has no field `program` says as `program_path` which look-up leads there.
    """

    def of(self, program: "Program | UUID") -> Self:
        """Those of that program, and no other's. See Note [The door]."""
        return self.filter(**{path(self.model): program})


def path(model: type[models.Model]) -> str:
    """The look-up that leads from a model to its program."""
    found: str = getattr(model, "program_path", DIRECTLY)
    return found
