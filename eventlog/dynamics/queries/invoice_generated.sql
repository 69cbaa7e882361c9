-- Invoice Generated: a free text invoice is made when its draft is (CustInvoiceTable, with a
-- clock); an order's invoice on its document date, because it exists only once it is posted.

INSERT INTO event BY NAME
SELECT
    'Invoice Generated' AS activity,
    i.company, i.invoice_id, i.customer,
    coalesce(f.drafted_at, i.document_date) AS event_time,
    CASE WHEN f.drafted_at IS NULL THEN recorded(i.created_at, i.document_date) END
        AS recorded_time,
    i.due_date,
    i.created_by AS user_id
FROM invoice AS i
LEFT JOIN (
    SELECT DataAreaId, InvoiceId, InvoiceAccount, min(CreatedDateTime) AS drafted_at
    FROM CustInvoiceTable WHERE InvoiceId IS NOT NULL GROUP BY ALL
) AS f
    ON f.DataAreaId = i.company AND f.InvoiceId = i.stated_number AND f.InvoiceAccount = i.customer
    AND i.sales_order IS NULL;
