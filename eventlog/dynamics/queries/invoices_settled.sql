-- Invoice Settled: the settlement with which an invoice's amount was reached, if that was a payment,
-- a cash discount or a penny difference. Taken from the dated settlements, each time it happened:
-- CustTrans.Closed knows only the last time. What was applied and taken back on one day closes nothing.

CREATE TABLE counted AS
SELECT company, invoice_id, kind, settled_on, amount, settlement_id, created_at, created_by
FROM applied_on WHERE kind IN ('payment', 'discount')
UNION ALL
SELECT company, invoice_id, kind, settled_on, amount, settlement_id, created_at, created_by
FROM kept_on;

CREATE TABLE settled AS
SELECT
    *,
    settled_so_far >= invoice_amount AND settled_so_far - amount < invoice_amount AS closes
FROM (
    SELECT
        a.*, i.customer, i.amount AS invoice_amount,
        sum(a.amount) OVER w AS settled_so_far,
        max(a.created_at) OVER w AS known_at,
        sum(CASE WHEN a.kind = 'discount' THEN a.amount ELSE 0 END) OVER w AS discount_so_far
    FROM counted AS a
    JOIN invoice AS i ON i.company = a.company AND i.invoice_id = a.invoice_id
    WINDOW w AS (
        PARTITION BY a.company, a.invoice_id ORDER BY a.settled_on, a.settlement_id
        ROWS UNBOUNDED PRECEDING
    )
);

INSERT INTO event BY NAME
SELECT
    'Invoice Settled' AS activity,
    company, invoice_id, customer,
    settled_on AS event_time,
    recorded(known_at, settled_on) AS recorded_time,
    created_by AS user_id
FROM settled
WHERE closes AND (kind IN ('payment', 'discount') OR discount_so_far > 0);
