-- Payment Posted: on the day the journal was posted, or the day the payment was applied to the
-- invoice if that came later. The amount is what was applied.

INSERT INTO event BY NAME
SELECT
    'Payment Posted' AS activity,
    p.company, p.invoice_id, i.customer,
    greatest(p.posted_on, p.settled_on) AS event_time,
    recorded(p.settled_created_at, greatest(p.posted_on, p.settled_on)) AS recorded_time,
    p.amount AS payment_amount,
    p.payment_created_by AS user_id
FROM paid_on AS p
JOIN invoice AS i ON i.company = p.company AND i.invoice_id = p.invoice_id;
