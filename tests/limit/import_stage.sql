-- step 1, one session: COPY into an unlogged table, resolve members, dedupe, allot ids, split in PARTS (durable result comes in step 2)
SET search_path = y;
DROP TABLE IF EXISTS stage, src;
CREATE UNLOGGED TABLE stage (idem_key text, partner_id int, member_ref text, amount numeric(12,2), occurred_at timestamptz, lines jsonb);
SELECT format('\copy stage FROM %L CSV HEADER', :'csv') AS cmd \gset
\echo --- copy
:cmd
ANALYZE stage; SET work_mem = '512MB';
\echo --- resolve + dedupe + allot ids
CREATE UNLOGGED TABLE src AS
  SELECT nextval('txn_id_seq') AS txn_id, nextval('lot_id_seq') AS lot_id, (member_id % 2)::int AS part, ntile(10) OVER (ORDER BY member_id) AS chunk, u.* FROM (
    SELECT d.*, floor(d.amount)::int + CASE WHEN d.amount > 50 THEN 10 ELSE 0 END AS points FROM (
      SELECT DISTINCT ON (s.partner_id, s.idem_key) s.partner_id, s.idem_key, m.id AS member_id, s.amount, s.occurred_at, s.lines
      FROM stage s JOIN member m ON m.ref = s.member_ref AND m.status = 1) d
    WHERE NOT EXISTS (SELECT 1 FROM txn t WHERE t.partner_id = d.partner_id AND t.idem_key = d.idem_key)) u
  ORDER BY member_id;
CREATE INDEX ON src (part, chunk); ANALYZE src;
SELECT count(*) AS to_load FROM src;
