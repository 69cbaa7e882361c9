-- What was settled against each invoice, and by what: the other side of CustSettlement tells a
-- payment from a credit note, a write-off, or a cash discount and penny difference.

CREATE TABLE write_off_reason AS
SELECT DISTINCT r.DataAreaId AS company, r.RecId AS reason_id
FROM ReasonTableRef AS r
JOIN CustWriteOffFinancialReasonsSetup AS s
    ON upper(s.Company) = r.DataAreaId AND s.Reason = r.Reason;

-- Every row of CustSettlement that counts, and which transaction of it CustTrans lacks: none may.
-- A row that names no other side (0) is only lacking one where it settles an invoice.
CREATE TABLE settlement_side AS
SELECT
    s.DataAreaId AS company,
    (s.TransRecId IS NOT NULL AND t.RecId IS NULL)
        OR (o.RecId IS NULL AND (s.OffsetRecid IS NOT NULL OR i.invoice_id IS NOT NULL)) AS lost,
    CASE WHEN s.TransRecId IS NOT NULL AND t.RecId IS NULL THEN s.TransRecId ELSE s.OffsetRecid END
        AS lost_id
FROM CustSettlement AS s
LEFT JOIN CustTrans AS t ON t.DataAreaId = s.DataAreaId AND t.RecId = s.TransRecId
LEFT JOIN CustTrans AS o ON o.DataAreaId = s.DataAreaId AND o.RecId = s.OffsetRecid
LEFT JOIN invoice AS i ON i.company = s.DataAreaId AND i.invoice_id = s.TransRecId
WHERE s.TransDate <= extracted_on() AND s.SettleAmountCur <> 0;

CREATE TABLE applied AS
SELECT
    i.company,
    i.invoice_id,
    o.RecId AS other_id,
    CASE
        WHEN o.TransType = getvariable('general_journal') AND w.reason_id IS NOT NULL
            THEN 'write-off'
        WHEN o.TransType IN getvariable('payments') THEN 'payment'
        WHEN o.TransType IN getvariable('write_offs') THEN 'write-off'
        WHEN o.TransType IN getvariable('discounts') THEN 'discount'
        WHEN o.TransType IN getvariable('credit_notes') THEN 'credit'
        ELSE 'unknown'
    END AS kind,
    o.TransType AS other_type,
    s.RecId AS settlement_id,
    s.TransDate AS settled_on,
    s.SettleAmountCur AS amount,
    s.CreatedDateTime AS created_at,
    s.CreatedBy AS created_by
FROM CustSettlement AS s
JOIN invoice AS i ON i.company = s.DataAreaId AND i.invoice_id = s.TransRecId
JOIN CustTrans AS o ON o.DataAreaId = s.DataAreaId AND o.RecId = s.OffsetRecid
LEFT JOIN write_off_reason AS w
    ON w.company = o.DataAreaId AND w.reason_id = o.ReasonRefRecId
WHERE s.TransDate <= extracted_on() AND s.SettleAmountCur <> 0;

INSERT INTO left_out
SELECT 'Settlements', 'dated after the extraction', count(*)
FROM CustSettlement WHERE TransDate > extracted_on() HAVING count(*) > 0;

-- By pair of transactions and day: what is applied and taken back on one day is nothing.
CREATE TABLE applied_on AS
SELECT
    company, invoice_id, other_id, kind, settled_on,
    sum(amount) AS amount,
    min(settlement_id) AS settlement_id,
    max(created_at) AS created_at,
    arg_max(created_by, settlement_id) AS created_by
FROM applied
GROUP BY ALL
HAVING sum(amount) <> 0;

-- Credit notes and write-offs that were taken back, in whole or in part: the log has no activity
-- for that, so they stand in it with what is left of them.
CREATE TABLE kept_on AS
SELECT
    company, invoice_id, other_id, kind,
    min(settled_on) FILTER (WHERE amount > 0) AS settled_on,
    sum(amount) AS amount,
    arg_min(settlement_id, settled_on) FILTER (WHERE amount > 0) AS settlement_id,
    arg_min(created_at, settled_on) FILTER (WHERE amount > 0) AS created_at,
    arg_min(created_by, settled_on) FILTER (WHERE amount > 0) AS created_by
FROM applied_on
WHERE kind IN ('credit', 'write-off')
GROUP BY company, invoice_id, other_id, kind
HAVING count(*) FILTER (WHERE amount < 0) > 0 AND sum(amount) > 0
UNION ALL
SELECT * FROM applied_on AS a
WHERE kind IN ('credit', 'write-off')
    AND NOT EXISTS (
        SELECT 1 FROM applied_on AS b
        WHERE b.company = a.company AND b.invoice_id = a.invoice_id AND b.other_id = a.other_id
            AND b.amount < 0
    );

INSERT INTO left_out
SELECT
    CASE kind WHEN 'credit' THEN 'Credit Note Applied' ELSE 'Invoice Written Off' END,
    CASE WHEN sum_amount > 0 THEN 'taken back in part: the rest is kept' ELSE 'taken back' END,
    count(*)
FROM (
    SELECT kind, sum(amount) AS sum_amount
    FROM applied_on
    WHERE kind IN ('credit', 'write-off')
    GROUP BY company, invoice_id, other_id, kind
    HAVING count(*) FILTER (WHERE amount < 0) > 0
)
GROUP BY ALL;
