"""What must be true of the ledger's rows: each check selects those of which it is not, and says why."""

from typing import Final

from members.ledger.verify.rows import CHAIN, LEDGER_ROWS, Part, of_people

LEDGER_CHECKS: Final[dict[str, str]] = {
    "the postings of a lot make up its buckets": """
        SELECT 'lot ' || l.id,
               'buckets ' || concat_ws(
                   '/', l.points, l.pending, l.available, l.held, l.redeemed, l.expired, l.reversed)
               || ', postings ' || concat_ws(
                   '/', coalesce(p.points, 0), coalesce(p.pending, 0), coalesce(p.available, 0),
                   coalesce(p.held, 0), coalesce(p.redeemed, 0), coalesce(p.expired, 0),
                   coalesce(p.reversed, 0))
        FROM lot l LEFT JOIN posted p ON p.lot_id = l.id
        WHERE (l.points, l.pending, l.available, l.held, l.redeemed, l.expired, l.reversed) IS DISTINCT FROM (
            coalesce(p.points, 0), coalesce(p.pending, 0), coalesce(p.available, 0),
            coalesce(p.held, 0), coalesce(p.redeemed, 0), coalesce(p.expired, 0), coalesce(p.reversed, 0))
    """,
    "a lot is granted once, by its first posting": """
        SELECT 'lot ' || p.lot_id, 'was issued ' || count(*) || ' times'
        FROM posting p WHERE p.source = 'issued' GROUP BY p.lot_id HAVING count(*) <> 1
    """,
    "a lot's expiry moves by postings alone": """
        SELECT 'lot ' || id,
               CASE WHEN is_chain THEN 'expires on another date than its postings moved it to'
                    ELSE 'its postings move it from a date that it did not have' END
        FROM lot WHERE NOT is_chain OR (is_chain AND expires_at IS DISTINCT FROM expires_at_last)
    """,
    "the lots of a wallet make up its sums": """
        SELECT 'wallet ' || w.id,
               'wallet ' || concat_ws('/', w.pending, w.available, w.held, w.lifetime_earned)
               || ', lots ' || concat_ws('/', coalesce(l.pending, 0), coalesce(l.available, 0),
                   coalesce(l.held, 0), coalesce(l.earned, 0))
        FROM wallet w
        LEFT JOIN (
            SELECT wallet_id, sum(pending) AS pending, sum(available) AS available, sum(held) AS held,
                   sum(points) FILTER (WHERE source NOT IN ('transfer', 'merge')) AS earned
            FROM lot GROUP BY wallet_id) l ON l.wallet_id = w.id
        WHERE (w.pending, w.available, w.held, w.lifetime_earned) IS DISTINCT FROM (
            coalesce(l.pending, 0), coalesce(l.available, 0), coalesce(l.held, 0), coalesce(l.earned, 0))
    """,
    "what a wallet has ever spent was posted": """
        SELECT 'wallet ' || w.id, 'ever spent ' || w.lifetime_spent || ', postings ' || coalesce(p.spent, 0)
        FROM wallet w
        LEFT JOIN (
            SELECT wallet_id,
                   sum(CASE WHEN kind IN ('spend', 'settle') AND destination = 'redeemed' THEN points
                            WHEN kind = 'restore' AND source = 'redeemed' THEN -points ELSE 0 END) AS spent
            FROM posting GROUP BY wallet_id) p ON p.wallet_id = w.id
        WHERE w.lifetime_spent IS DISTINCT FROM coalesce(p.spent, 0)
    """,
    CHAIN: """
        SELECT CASE WHEN number = position THEN 'entry ' || id ELSE 'wallet ' || wallet_id END,
               CASE WHEN number = position
                    THEN 'was changed: its hash does not fit its content and what came before'
                    ELSE 'entry ' || position || ' is missing before entry ' || id END
        FROM link
        WHERE (number = position AND hash <> right_hash)
            OR (number <> position AND (wallet_id, position) IN (
                SELECT wallet_id, min(position) FROM link WHERE number <> position GROUP BY wallet_id))
        UNION ALL
        SELECT 'wallet ' || w.id, 'does not end with its newest entry'
        FROM wallet w LEFT JOIN link l ON l.wallet_id = w.id AND l.is_newest
        WHERE (w.entry_count, w.head_hash) IS DISTINCT FROM (coalesce(l.number, 0), coalesce(l.hash, ''))
    """,
    "an entry's balances follow from the one before it": """
        SELECT 'entry ' || id,
               'its postings move ' || concat_ws('/', pending, available, held)
               || ' from ' || concat_ws('/', pending_before, available_before, held_before)
               || ', which is not ' || concat_ws('/', pending_after, available_after, held_after)
        FROM link
        WHERE (pending_before + pending, available_before + available, held_before + held)
            <> (pending_after, available_after, held_after)
        UNION ALL
        SELECT 'entry ' || id, 'says ' || points || ' points, its postings ' || (pending + available + held)
        FROM link WHERE points <> pending + available + held
        UNION ALL
        SELECT 'wallet ' || w.id,
               'its newest entry ends with '
               || concat_ws('/', l.pending_after, l.available_after, l.held_after, l.debt_after)
               || ', the wallet holds ' || concat_ws('/', w.pending, w.available, w.held, w.debt)
        FROM wallet w JOIN link l ON l.wallet_id = w.id AND l.is_newest
        WHERE (w.pending, w.available, w.held, w.debt)
            <> (l.pending_after, l.available_after, l.held_after, l.debt_after)
        UNION ALL
        SELECT 'wallet ' || w.id, 'has points, and no entry'
        FROM wallet w LEFT JOIN link l ON l.wallet_id = w.id AND l.is_newest
        WHERE l.id IS NULL AND (w.pending, w.available, w.held, w.debt) <> (0, 0, 0, 0)
    """,
    # Who owes has nothing available, so whatever then goes from available to reversed is payment.
    "a debt grows by what is owed, and shrinks by what is paid": """
        SELECT 'entry ' || id,
               'the debt was ' || debt_before || ' and is ' || debt_after || ': owed '
               || owed || ', paid ' || paid_now
        FROM (SELECT *, coalesce(
                         substring(CASE kind WHEN 'reverse' THEN reason END FROM '^owed:(\\d+)$')::bigint, 0
                     ) AS owed,
                     CASE WHEN debt_before > 0 THEN paid ELSE 0 END AS paid_now
              FROM link WHERE kind <> 'merge') AS one
        WHERE debt_after <> debt_before + owed - paid_now
    """,
    "everything belongs to the member whose wallet it is in": """
        SELECT 'lot ' || l.id, 'is of another member or program than its wallet'
        FROM lot l JOIN wallet w ON w.id = l.wallet_id
        WHERE (l.member_id, l.program_id) <> (w.member_id, w.program_id)
        UNION ALL
        SELECT 'entry ' || e.id, 'is of another member or program than its wallet'
        FROM entry e JOIN wallet w ON w.id = e.wallet_id
        WHERE (e.member_id, e.program_id) <> (w.member_id, w.program_id)
        UNION ALL
        SELECT 'posting ' || p.id, 'is of another member than its entry'
        FROM posting p JOIN wallet w ON w.id = p.wallet_id WHERE p.member_id <> w.member_id
        UNION ALL
        SELECT 'posting ' || p.id, 'moves points of a lot in another wallet'
        FROM posting p LEFT JOIN lot l ON l.id = p.lot_id WHERE l.wallet_id IS DISTINCT FROM p.wallet_id
        UNION ALL
        SELECT 'wallet ' || w.id, 'is of another program than its member'
        FROM wallet w WHERE w.program_id <> %(program)s
    """,
    "an entry has its event, and an event its entry": """
        SELECT coalesce('entry ' || e.id, 'event ' || v.number),
               CASE WHEN v.number IS NULL THEN 'has no event'
                    WHEN e.id IS NULL THEN 'has no entry'
                    WHEN v.balance <> e.available_after
                    THEN 'event ' || v.number || ' told of a balance of ' || v.balance
                    ELSE 'event ' || v.number || ' is of another program or day' END
        FROM entry e FULL JOIN event v ON v.entry_id = e.id
        WHERE e.id IS NULL OR v.number IS NULL OR v.balance <> e.available_after
            OR (v.program_id, v.occurred_at, v.recorded_at) <> (e.program_id, e.effective_at, e.recorded_at)
    """,
    "nothing is booked before it happened": """
        SELECT 'entry ' || id, 'happened ' || effective_at || ' and was recorded ' || recorded_at
        FROM entry WHERE effective_at > recorded_at + interval '10 minutes'
    """,
    # What exactly counts is only known where nothing was ever taken back, adjusted or passed on. What
    # has expired may have been returned since, which takes progress and leaves no entry.
    "progress to a tier comes from points": """
        SELECT 'tier of member ' || s.member_id,
               'progress ' || s.progress || ', points that count ' || coalesce(g.granted, 0)
        FROM standing s
        JOIN members_tierladder d ON d.id = s.ladder_id
        LEFT JOIN wallet w ON w.member_id = s.member_id AND w.type_id = d.wallet_type_id
        LEFT JOIN (
            SELECT wallet_id,
                   coalesce(sum(points) FILTER (WHERE source = 'issued'), 0) AS granted,
                   coalesce(sum(points) FILTER (WHERE destination = 'expired'), 0) AS expired
            FROM posting WHERE source = 'issued' OR destination = 'expired'
            GROUP BY wallet_id) g ON g.wallet_id = w.id
        LEFT JOIN (
            SELECT wallet_id, min(id::text)::uuid AS first_id,
                   bool_and(kind NOT IN ('reverse', 'adjust', 'transfer_in', 'transfer_out', 'merge'))
                       AS is_plain,
                   bool_or(kind = 'merge') AS is_merged
            FROM entry GROUP BY wallet_id) e ON e.wallet_id = w.id
        WHERE NOT coalesce(e.is_merged, false)
            AND (s.progress > coalesce(g.granted, 0)
                OR (e.is_plain AND d.id < e.first_id
                    AND s.progress NOT BETWEEN g.granted - g.expired AND g.granted))
    """,
}

HOLD_CHECKS: Final[dict[str, str]] = {
    "what is held is held by open holds": """
        SELECT 'wallet ' || w.id, 'holds ' || w.held || ', open holds ' || coalesce(h.points, 0)
        FROM wallet w
        LEFT JOIN (
            SELECT wallet_id, sum(points) AS points FROM hold WHERE status = 'held' GROUP BY wallet_id) h
            ON h.wallet_id = w.id
        WHERE w.held IS DISTINCT FROM coalesce(h.points, 0)
    """,
    # What is spent without a hold before it is one that ends in the moment it begins.
    "a hold is what its entries say": """
        SELECT coalesce('hold ' || h.id, 'entries of hold ' || p.hold_id),
               CASE WHEN h.id IS NULL THEN 'there is no such hold'
                    ELSE h.status || ' ' || concat_ws('/', h.points, h.settled) || ', entries '
                        || concat_ws('/', coalesce(p.points, 0), coalesce(p.settled, 0))
                        || ', still held ' || coalesce(p.points - p.ended, 0) END
        FROM hold h
        FULL JOIN (
            SELECT split_part(cause, ':', 2) AS hold_id,
                   sum(points) FILTER (WHERE destination = 'held' OR kind = 'spend') AS points,
                   coalesce(sum(points) FILTER (
                       WHERE kind = 'spend' OR kind = 'settle' AND source = 'held'), 0) AS settled,
                   coalesce(sum(points) FILTER (WHERE source = 'held' OR kind = 'spend'), 0) AS ended
            FROM posting WHERE cause >= 'hold:' AND cause < 'hold;' GROUP BY 1) p ON p.hold_id = h.id::text
        WHERE (h.points, h.settled, CASE WHEN h.status = 'held' THEN 0 ELSE h.points END)
            IS DISTINCT FROM (p.points, p.settled, p.ended)
    """,
    "a hold belongs to the member whose wallet it is in": """
        SELECT 'hold ' || h.id, 'is of another member or program than its wallet'
        FROM hold h LEFT JOIN wallet w ON w.id = h.wallet_id
        WHERE (h.member_id, h.program_id) IS DISTINCT FROM (w.member_id, w.program_id)
    """,
}

LEDGER: Final = Part(rows=LEDGER_ROWS, checks=LEDGER_CHECKS)
HOLDS: Final = Part(rows={"hold": of_people("members_hold")}, checks=HOLD_CHECKS)
"""Holds are rows of their own beside what operations book: journeys keep the two together."""

STRAYS: Final[dict[str, str]] = {
    "every row belongs to somebody": """
        SELECT 'wallet ' || w.id, 'is of a member who is not there'
        FROM members_wallet w LEFT JOIN members_member m ON m.id = w.member_id WHERE m.id IS NULL
        UNION ALL
        SELECT 'lot ' || l.id, 'is of a wallet that is not there'
        FROM members_lot l LEFT JOIN members_wallet w ON w.id = l.wallet_id WHERE w.id IS NULL
        UNION ALL
        SELECT 'entry ' || e.id, 'is of a wallet that is not there'
        FROM members_entry e LEFT JOIN members_wallet w ON w.id = e.wallet_id WHERE w.id IS NULL
        UNION ALL
        SELECT 'posting ' || p.id, 'is of an entry that is not there'
        FROM members_posting p LEFT JOIN members_entry e ON e.id = p.entry_id WHERE e.id IS NULL
        UNION ALL
        SELECT 'posting ' || p.id, 'is of a lot that is not there'
        FROM members_posting p LEFT JOIN members_lot l ON l.id = p.lot_id WHERE l.id IS NULL
        UNION ALL
        SELECT 'hold ' || h.id, 'is of a wallet that is not there'
        FROM members_hold h LEFT JOIN members_wallet w ON w.id = h.wallet_id WHERE w.id IS NULL
        UNION ALL
        SELECT 'event ' || v.number, 'tells of an entry of a member who is not there'
        FROM core_event v LEFT JOIN members_member m ON m.id = v.member_id
        WHERE v.data ? 'entry_id' AND m.id IS NULL AND NOT v.data ? 'is_sample'
    """,
}
