-- Dispute Registered and Dispute Resolved: changes of status of an invoice, in their order. A
-- dispute is open from its first "disputed" row to the next "resolved" or "not disputed" one; a
-- "resolved" row without an open dispute closes a promise and is no event. What the aging batch
-- sets by itself (a broken promise) is calculated by duecast, not taken.

CREATE TABLE collection_status AS
SELECT
    h.DataAreaId AS company, h.CustTrans AS invoice_id, i.customer, h.Status AS status,
    h.StatusChangedDate AS changed_on, h.FollowUpDate AS follow_up, h.AmountCur AS amount,
    r.Reason AS reason, h.CreatedDateTime AS created_at, h.CreatedBy AS created_by, h.RecId AS row_id,
    row_number() OVER (
        PARTITION BY h.DataAreaId, h.CustTrans
        ORDER BY coalesce(h.CreatedDateTime, h.StatusChangedDate), h.RecId
    ) AS nth
FROM CustDisputeHistory AS h
JOIN invoice AS i ON i.company = h.DataAreaId AND i.invoice_id = h.CustTrans
LEFT JOIN ReasonTableRef AS r ON r.DataAreaId = h.DataAreaId AND r.RecId = h.ReasonTableRef
WHERE coalesce(h.IsAutomaticUpdate, 0) = 0 AND h.StatusChangedDate IS NOT NULL;

-- Of the rows that open or close a dispute, those on which the state changes.
CREATE TABLE dispute AS
SELECT *, status = getvariable('disputed') AS opens
FROM (
    SELECT *, lag(status = getvariable('disputed'), 1, FALSE) OVER (
        PARTITION BY company, invoice_id ORDER BY nth
    ) AS was_open
    FROM collection_status
    WHERE status IN (
        getvariable('disputed'), getvariable('resolved'), getvariable('not_disputed')
    )
)
WHERE (status = getvariable('disputed')) <> was_open;

INSERT INTO event BY NAME
SELECT
    CASE WHEN opens THEN 'Dispute Registered' ELSE 'Dispute Resolved' END AS activity,
    company, invoice_id, customer,
    with_clock(created_at, changed_on) AS event_time,
    recorded(created_at, changed_on) AS recorded_time,
    reason AS dispute_reason,
    created_by AS user_id
FROM dispute;

INSERT INTO left_out
SELECT 'Rows of CustDisputeHistory', why, count(*)
FROM (
    SELECT
        CASE
            WHEN h.StatusChangedDate IS NULL THEN 'without a date'
            WHEN i.invoice_id IS NULL THEN 'not about an invoice of the log'
            WHEN coalesce(h.IsAutomaticUpdate, 0) <> 0 THEN 'set by the aging batch'
            WHEN h.Status NOT IN (
                getvariable('disputed'), getvariable('promised'), getvariable('resolved'),
                getvariable('not_disputed')
            ) OR h.Status IS NULL THEN 'status is none of those the import knows'
            WHEN h.Status <> getvariable('promised') AND d.row_id IS NULL
                THEN 'neither opens nor closes a dispute'
        END AS why
    FROM CustDisputeHistory AS h
    LEFT JOIN invoice AS i ON i.company = h.DataAreaId AND i.invoice_id = h.CustTrans
    LEFT JOIN dispute AS d ON d.company = h.DataAreaId AND d.row_id = h.RecId
)
WHERE why IS NOT NULL
GROUP BY ALL;
