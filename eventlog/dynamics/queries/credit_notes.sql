-- Credit Note Applied: a settlement whose other side is a credit note. That is not a payment.

INSERT INTO event BY NAME
SELECT
    'Credit Note Applied' AS activity,
    k.company, k.invoice_id, i.customer,
    k.settled_on AS event_time,
    recorded(k.created_at, k.settled_on) AS recorded_time,
    k.amount AS payment_amount,
    k.created_by AS user_id
FROM kept_on AS k
JOIN invoice AS i ON i.company = k.company AND i.invoice_id = k.invoice_id
WHERE k.kind = 'credit';
