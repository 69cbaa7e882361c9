-- Invoice Posted and Sent: on the invoice date; terms of payment run from there. When it was sent,
-- D365 does not say.

INSERT INTO event BY NAME
SELECT
    'Invoice Posted and Sent' AS activity,
    company, invoice_id, customer,
    posted_on AS event_time,
    recorded(created_at, posted_on) AS recorded_time,
    due_date,
    created_by AS user_id
FROM invoice;
