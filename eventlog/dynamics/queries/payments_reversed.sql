-- Payment Reversed: a settlement with a payment was undone on a later day, because the payment
-- bounced or was applied to the wrong invoice.

INSERT INTO event BY NAME
SELECT
    'Payment Reversed' AS activity,
    a.company, a.invoice_id, i.customer,
    a.settled_on AS event_time,
    recorded(a.created_at, a.settled_on) AS recorded_time,
    -a.amount AS payment_amount,
    a.created_by AS user_id
FROM applied_on AS a
JOIN invoice AS i ON i.company = a.company AND i.invoice_id = a.invoice_id
WHERE a.kind = 'payment' AND a.amount < 0;
