-- Credit Limit Requested, Approved and Changed: adjustment journals when they were made and when
-- they were posted, and limits that differ between two dated copies of the customer table without
-- such a journal. Limits count in the customer's currency where they are kept in it.

CREATE TABLE limit_request AS
SELECT
    l.DataAreaId AS company, l.CustAccount AS customer,
    coalesce(nullif(l.CustCreditMaxAltNew, 0), l.CreditMaxNew) AS credit_limit,
    h.CreatedDateTime AS created_at, h.CreatedBy AS created_by,
    coalesce(h.Posted, 0) = 1 AS is_posted, h.PostedDate AS posted_on
FROM CredManCreditLimitAdjTrans AS l
JOIN CredManCreditLimitAdjTable AS h
    ON h.DataAreaId = l.DataAreaId AND h.JournalId = l.JournalId
WHERE coalesce(h.AdjustmentType, getvariable('limit_journal')) = getvariable('limit_journal')
    AND l.CustAccount IS NOT NULL;

CREATE TABLE limit_copy AS
SELECT
    DataAreaId AS company, AccountNum AS customer, SnapshotDate AS copied_on,
    coalesce(nullif(CredManCustCreditMaxAlt, 0), CreditMax) AS credit_limit
FROM CustTableSnapshots;

INSERT INTO event BY NAME
SELECT
    'Credit Limit Requested' AS activity, company, customer, created_at AS event_time,
    created_by AS user_id
FROM limit_request WHERE created_at IS NOT NULL
UNION ALL BY NAME
SELECT
    'Credit Limit Approved' AS activity, company, customer, posted_on AS event_time,
    recorded(created_at, posted_on) AS recorded_time, credit_limit, created_by AS user_id
FROM limit_request WHERE is_posted AND posted_on IS NOT NULL
UNION ALL BY NAME
SELECT
    'Credit Limit Changed' AS activity, company, customer, copied_on AS event_time, credit_limit
FROM (
    SELECT
        *,
        lag(credit_limit) OVER w AS limit_before,
        lag(copied_on) OVER w AS copied_before
    FROM limit_copy
    WINDOW w AS (PARTITION BY company, customer ORDER BY copied_on)
) AS c
WHERE copied_before IS NOT NULL AND credit_limit IS DISTINCT FROM limit_before
    AND credit_limit IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM limit_request AS r
        WHERE r.company = c.company AND r.customer = c.customer AND r.is_posted
            AND r.posted_on > c.copied_before AND r.posted_on <= c.copied_on
            AND r.credit_limit = c.credit_limit
    );

INSERT INTO left_out
SELECT 'Requests for credit limits', 'the export does not say when they were made', count(*)
FROM limit_request WHERE created_at IS NULL HAVING count(*) > 0;
INSERT INTO left_out
SELECT 'Lines of credit limit journals', 'temporary limits, or without a customer', count(*)
FROM CredManCreditLimitAdjTrans AS l
JOIN CredManCreditLimitAdjTable AS h
    ON h.DataAreaId = l.DataAreaId AND h.JournalId = l.JournalId
WHERE coalesce(h.AdjustmentType, getvariable('limit_journal')) <> getvariable('limit_journal')
    OR l.CustAccount IS NULL
HAVING count(*) > 0;

-- The limit a customer has when its log begins stands on its first invoice.
UPDATE event SET credit_limit = f.credit_limit
FROM (
    SELECT i.company, i.invoice_id, arg_max(c.credit_limit, c.copied_on) AS credit_limit
    FROM (
        SELECT * FROM invoice
        QUALIFY row_number() OVER (
            PARTITION BY company, customer ORDER BY posted_on, stated_number
        ) = 1
    ) AS i
    JOIN limit_copy AS c
        ON c.company = i.company AND c.customer = i.customer AND c.copied_on <= i.posted_on
    GROUP BY ALL
) AS f
WHERE event.company = f.company AND event.invoice_id = f.invoice_id
    AND event.activity IN ('Invoice Generated', 'Invoice Posted and Sent');
