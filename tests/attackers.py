"""Those who may do more in the database than the program does."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection


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
