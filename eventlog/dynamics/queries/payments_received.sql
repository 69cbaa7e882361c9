-- Payment Received: on the value date of the journal line by which it came in (see base_payments),
-- else on the day the payment was applied to the invoice. The amount is what was applied. Lines of journals that are not
-- posted yet count with their own amount.

INSERT INTO event BY NAME
SELECT
    'Payment Received' AS activity,
    p.company, p.invoice_id, i.customer,
    coalesce(l.value_date, greatest(p.posted_on, p.settled_on)) AS event_time,
    CASE
        WHEN l.value_date IS NOT NULL THEN recorded(l.created_at, l.value_date)
        ELSE recorded(p.settled_created_at, greatest(p.posted_on, p.settled_on))
    END AS recorded_time,
    p.amount AS payment_amount,
    CASE WHEN l.value_date IS NOT NULL THEN l.created_by ELSE p.payment_created_by END AS user_id
FROM paid_on AS p
JOIN invoice AS i ON i.company = p.company AND i.invoice_id = p.invoice_id
LEFT JOIN marking_line AS l
    ON l.company = p.company AND l.invoice_id = p.invoice_id AND l.payment_id = p.payment_id
    AND p.is_first
UNION ALL BY NAME
SELECT
    'Payment Received' AS activity,
    u.company, u.invoice_id, i.customer,
    u.value_date AS event_time,
    recorded(u.created_at, u.value_date) AS recorded_time,
    u.amount AS payment_amount,
    u.created_by AS user_id
FROM unposted AS u
JOIN invoice AS i ON i.company = u.company AND i.invoice_id = u.invoice_id;

INSERT INTO left_out
SELECT 'Payment lines (LedgerJournalTrans)', why, count(*)
FROM (
    SELECT 'not posted, and mark no invoice of the log' AS why FROM unposted
    WHERE invoice_id IS NULL
    UNION ALL
    SELECT 'dated after the extraction' FROM payment_line WHERE value_date > extracted_on()
    UNION ALL
    SELECT 'posted, but CustTrans has no payment of that voucher and customer'
    FROM payment_line AS l
    WHERE l.is_posted AND NOT EXISTS (
        SELECT 1 FROM payment AS p
        WHERE p.company = l.company AND p.voucher = l.voucher
            AND p.customer = coalesce(l.customer, p.customer)
    )
)
GROUP BY ALL;
