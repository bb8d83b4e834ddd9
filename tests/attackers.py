"""Those who write in the database what the program would not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction


@contextmanager
def behind_the_programs_back() -> Iterator[None]:
    """As a replica does, whose tables no trigger and no foreign key guards."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_parameter_privilege(current_user, 'session_replication_role', 'SET')")
        if cursor.fetchone() != (True,):
            pytest.skip("The role of DATABASE_URL may not switch triggers off.")
        cursor.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            cursor.execute("SET session_replication_role = origin")


def refused(sql: str, *parameters: Any) -> str:
    """What the database says to a statement; fails if it is let through."""
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    return str(refusal.value)
