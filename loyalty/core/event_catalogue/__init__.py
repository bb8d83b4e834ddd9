"""What each type of event says: for the docs, for validators of partners, and as samples."""

from loyalty.core.event_catalogue.event_kinds import KINDS, EventKind
from loyalty.core.event_catalogue.fields import FIELDS, Field
from loyalty.core.event_catalogue.messages import kinds, sample, sample_data, schema

__all__ = ["FIELDS", "KINDS", "EventKind", "Field", "kinds", "sample", "sample_data", "schema"]
