"""Fields that no caller may set, in no operation: whose something is, what it is called, what came of it."""

PROTECTED_FIELDS = (
    *("id", "program", "program_id", "partner", "partner_id", "source", "actor", "recorded_at", "created_at"),
    *("status", "merged_into", "balance", "available", "held", "debt", "lifetime_earned", "version"),
    "awards",
)

# What a body repeats, so that it is not meant by mistake: anything but the caller's own is refused.
REPEATED = {"POST /v1/sandbox/reset": {"program"}}
