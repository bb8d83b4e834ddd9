-- rolling 12-month tier points from the ledger; only changed members are written
SET search_path = y;
BEGIN;
WITH q AS (
  SELECT a.member_id, a.tier AS old, coalesce(s.p, 0) AS p,
    CASE WHEN s.p >= 20000 THEN 3 WHEN s.p >= 8000 THEN 2 WHEN s.p >= :silver THEN 1 ELSE 0 END::smallint AS new
  FROM account a LEFT JOIN (
    SELECT member_id, sum(points) AS p FROM ledger WHERE kind = 1 AND created_at >= now() - interval '365 days' GROUP BY 1) s USING (member_id)),
u AS (UPDATE account a SET tier = q.new, tier_points = q.p, updated_at = now() FROM q WHERE q.member_id = a.member_id AND q.new <> q.old RETURNING a.member_id, q.old, q.new),
o AS (INSERT INTO outbox (topic, payload) SELECT 'tier.changed', jsonb_build_object('member', member_id, 'from', old, 'to', new) FROM u)
SELECT (SELECT count(*) FROM q) AS evaluated, (SELECT count(*) FROM u) AS changed;
COMMIT;
