-- three segment shapes over all members; the result is written as a membership table
SET search_path = y;
DROP TABLE IF EXISTS seg; CREATE TABLE seg (seg int, member_id bigint);
\echo --- attributes + balance
INSERT INTO seg SELECT 1, m.id FROM member m JOIN account a ON a.member_id = m.id
  WHERE m.status = 1 AND m.country IN ('PL','DE') AND m.birth BETWEEN '1980-01-01' AND '1995-12-31' AND m.attrs @> '{"optin": true}' AND a.balance >= 150;
\echo --- behaviour: >= 2 purchases and > 150 spent in 90 days
INSERT INTO seg SELECT 2, t.member_id FROM txn t WHERE t.occurred_at >= now() - interval '90 days'
  GROUP BY t.member_id HAVING count(*) >= 2 AND sum(t.amount) > 150;
\echo --- both, and lapsed: nothing in the last 30 days
INSERT INTO seg SELECT 3, m.id FROM member m JOIN account a ON a.member_id = m.id
  JOIN (SELECT member_id, sum(amount) s, max(occurred_at) last FROM txn WHERE occurred_at >= now() - interval '365 days' GROUP BY 1) x ON x.member_id = m.id
  WHERE m.country IN ('PL','DE','FR') AND a.tier <= 1 AND x.s > 200 AND x.last < now() - interval '30 days';
SELECT seg, count(*) FROM seg GROUP BY 1 ORDER BY 1;
