"""Fields that no caller may set, in no operation: whose something is, what it is called, what came of it."""

PROTECTED_FIELDS = (
    *("id", "program", "program_id", "partner", "partner_id", "actor", "recorded_at", "created_at"),
    *("status", "merged_into_id", "balance", "available", "held", "debt", "lifetime_earned", "awards"),
)
