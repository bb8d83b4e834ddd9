from loyalty.core.models.approval import Approval, ApprovalStatus
from loyalty.core.models.event import Event, EventHorizon
from loyalty.core.models.idempotency import IdempotencyRecord
from loyalty.core.models.program import Program, ProgramKind, ReturnsMethod, Rounding
from loyalty.core.models.user import Assignment, Role, User

__all__ = [
    "Approval",
    "ApprovalStatus",
    "Assignment",
    "Event",
    "EventHorizon",
    "IdempotencyRecord",
    "Program",
    "ProgramKind",
    "ReturnsMethod",
    "Role",
    "Rounding",
    "User",
]
