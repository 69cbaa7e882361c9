-- Recovery Received: money on a recovery posting profile that names an invoice written off before.

INSERT INTO event BY NAME
SELECT
    'Recovery Received' AS activity,
    r.company, r.invoice_id, i.customer,
    r.value_date AS event_time,
    recorded(r.created_at, r.value_date) AS recorded_time,
    r.amount AS payment_amount,
    r.created_by AS user_id
FROM recovery AS r
JOIN invoice AS i ON i.company = r.company AND i.invoice_id = r.invoice_id;
