-- Collection Call Made, Overdue Reminder Sent and Collection Activity Logged: what collectors did,
-- with its clock. An activity about several invoices is an event of each; one that is linked to no
-- invoice belongs to the customer; one that reaches neither is left out.

CREATE TABLE reached AS
WITH about AS (
    SELECT a.DataAreaId AS company, a.RecId AS activity_id, t.RecId AS trans_id, t.AccountNum
    FROM smmActivities AS a
    JOIN CustCollectionsLinkActivitiesCustTrans AS l
        ON l.DataAreaId = a.DataAreaId AND l.PrimaryRecId = a.RecId
    JOIN CustTrans AS t ON t.DataAreaId = l.DataAreaId AND t.RecId = l.RefRecId
),
of_invoice AS (
    SELECT DISTINCT b.company, b.activity_id, i.invoice_id, i.customer
    FROM about AS b
    JOIN invoice AS i ON i.company = b.company AND i.invoice_id = b.trans_id
),
of_customer AS (
    SELECT company, activity_id, AccountNum AS customer FROM about
    UNION
    SELECT a.DataAreaId, a.RecId, c.AccountNum
    FROM smmActivities AS a
    JOIN smmActivityParentLinkTable AS p
        ON p.DataAreaId = a.DataAreaId AND p.ActivityNumber = a.ActivityNumber
    JOIN CustTable AS c ON c.DataAreaId = p.DataAreaId AND c.RecId = p.RefRecId
)
SELECT * FROM of_invoice
UNION ALL
SELECT c.company, c.activity_id, NULL, c.customer
FROM of_customer AS c
ANTI JOIN of_invoice AS i ON i.company = c.company AND i.activity_id = c.activity_id;

INSERT INTO event BY NAME
SELECT
    CASE
        WHEN a.Category IN getvariable('phone_calls') THEN 'Collection Call Made'
        WHEN a.TypeId IN getvariable('reminders') AND r.invoice_id IS NOT NULL
            THEN 'Overdue Reminder Sent'
        ELSE 'Collection Activity Logged'
    END AS activity,
    r.company, r.invoice_id, r.customer,
    a.StartDateTime AS event_time,
    CASE
        WHEN CAST(a.StartDateTime AS TIME) = TIME '00:00:00'
            THEN recorded(a.CreatedDateTime, a.StartDateTime)
    END AS recorded_time,
    a.CreatedBy AS user_id
FROM reached AS r
JOIN smmActivities AS a ON a.DataAreaId = r.company AND a.RecId = r.activity_id
WHERE a.StartDateTime IS NOT NULL;

INSERT INTO left_out
SELECT
    'Activities (smmActivities)',
    CASE WHEN a.StartDateTime IS NULL THEN 'without a start'
        ELSE 'linked to no invoice and no customer' END,
    count(*)
FROM smmActivities AS a
LEFT JOIN (SELECT DISTINCT company, activity_id FROM reached) AS r
    ON r.company = a.DataAreaId AND r.activity_id = a.RecId
WHERE r.activity_id IS NULL OR a.StartDateTime IS NULL
GROUP BY ALL;
