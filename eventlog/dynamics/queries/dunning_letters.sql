-- Dunning Letter Generated, and Sent to Agency for the letter code Collection: the invoices on each
-- collection letter that was not canceled. Level and due date are those of the line, as of then.

CREATE TABLE letter AS
SELECT
    l.DataAreaId AS company, l.CustTransId AS invoice_id, l.CollectionLetterCode AS code,
    l.DueDate AS due_date, h.CollectionLetterDate AS letter_date, h.Canceled AS canceled_on,
    h.CreatedDateTime AS created_at, h.CreatedBy AS created_by,
    h.RecId IS NOT NULL AS has_header,
    i.customer
FROM CustCollectionLetterTrans AS l
LEFT JOIN CustCollectionLetterJour AS h
    ON h.DataAreaId = l.DataAreaId AND h.CollectionLetterNum = l.CollectionLetterNum
LEFT JOIN invoice AS i ON i.company = l.DataAreaId AND i.invoice_id = l.CustTransId;

INSERT INTO event BY NAME
SELECT
    CASE WHEN code = getvariable('letter_agency') THEN 'Sent to Agency'
        ELSE 'Dunning Letter Generated' END AS activity,
    company, invoice_id, customer,
    with_clock(created_at, letter_date) AS event_time,
    recorded(created_at, letter_date) AS recorded_time,
    CASE WHEN code <> getvariable('letter_agency') THEN due_date END AS due_date,
    nullif(list_position(getvariable('letter_levels'), code), 0) AS dunning_level,
    created_by AS user_id
FROM letter
WHERE customer IS NOT NULL AND has_header AND canceled_on IS NULL AND letter_date IS NOT NULL
    AND (code = getvariable('letter_agency') OR code IN getvariable('letter_levels'));

INSERT INTO left_out
SELECT
    'Lines of collection letters',
    CASE
        WHEN NOT has_header THEN 'no letter of that number'
        WHEN canceled_on IS NOT NULL THEN 'letter canceled'
        WHEN letter_date IS NULL THEN 'letter without a date'
        WHEN customer IS NULL THEN 'not about an invoice of the log'
        ELSE 'letter code is no level'
    END,
    count(*)
FROM letter
WHERE NOT has_header OR canceled_on IS NOT NULL OR letter_date IS NULL OR customer IS NULL
    OR code IS NULL
    OR NOT (code = getvariable('letter_agency') OR code IN getvariable('letter_levels'))
GROUP BY ALL;
