-- Payment Promise Created: status rows "promise to pay"; the follow-up date is the promised date, an
-- amount of 0 stands for the whole balance. A row that repeats date and amount of the row before it on its day
-- is an edit of the same promise.

CREATE TABLE promise AS
SELECT
    *,
    coalesce(
        lag(status) OVER w = status
        AND lag(follow_up) OVER w IS NOT DISTINCT FROM follow_up
        AND lag(changed_on) OVER w = changed_on
        AND coalesce(lag(amount) OVER w, 0) = coalesce(amount, 0),
        FALSE
    ) AS is_edit
FROM collection_status
WINDOW w AS (PARTITION BY company, invoice_id ORDER BY nth);

INSERT INTO event BY NAME
SELECT
    'Payment Promise Created' AS activity,
    company, invoice_id, customer,
    with_clock(created_at, changed_on) AS event_time,
    recorded(created_at, changed_on) AS recorded_time,
    follow_up AS promised_date,
    nullif(abs(amount), 0) AS promised_amount,
    created_by AS user_id
FROM promise
WHERE status = getvariable('promised') AND NOT is_edit;

INSERT INTO left_out
SELECT 'Rows of CustDisputeHistory', 'repeat the promise before them', count(*)
FROM promise
WHERE status = getvariable('promised') AND is_edit
HAVING count(*) > 0;
