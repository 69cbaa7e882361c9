-- Invoice Written Off: a settlement whose other side is a write-off, by its type or, for a general
-- journal, by a reason that the company keeps for write-offs.

INSERT INTO event BY NAME
SELECT
    'Invoice Written Off' AS activity,
    k.company, k.invoice_id, i.customer,
    k.settled_on AS event_time,
    recorded(k.created_at, k.settled_on) AS recorded_time,
    k.amount AS payment_amount,
    k.created_by AS user_id
FROM kept_on AS k
JOIN invoice AS i ON i.company = k.company AND i.invoice_id = k.invoice_id
WHERE k.kind = 'write-off';
