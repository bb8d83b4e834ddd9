-- psql -v on=2027-01-31 -f expire.sql : expire every open lot due on or before :on, in one statement
SET search_path = y;
BEGIN;
WITH due AS (
  SELECT id, member_id, remaining FROM lot WHERE remaining > 0 AND expires_on <= :'on'::date FOR UPDATE),
x AS (UPDATE lot l SET remaining = 0 FROM due d WHERE l.id = d.id RETURNING d.id, d.member_id, d.remaining),
g AS (INSERT INTO ledger (member_id, kind, points, lot_id) SELECT member_id, 3, -remaining, id FROM x),
s AS (SELECT member_id, sum(remaining) AS p FROM x GROUP BY 1),
u AS (UPDATE account a SET balance = balance - p, updated_at = now() FROM s WHERE a.member_id = s.member_id RETURNING a.member_id, p, balance),
o AS (INSERT INTO outbox (topic, payload) SELECT 'points.expired', jsonb_build_object('member', member_id, 'points', p, 'balance', balance) FROM u)
SELECT (SELECT count(*) FROM x) AS lots, (SELECT count(*) FROM u) AS members;
COMMIT;
