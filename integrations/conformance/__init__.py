"""
The conformance kit: does an integration do the right thing when something goes wrong?

`python -m integrations.conformance calls` stands between an integration and its sandbox and makes
trouble; `… receiver` sends a webhook receiver what it must take and what it must not. Both then say,
rule by rule, what was right. It needs Python and nothing else: partners download it as one file from
the docs, see `loyalty.core.api.conformance_kit`.
`docs/partners/conformance.md` is for those who use it.
"""
