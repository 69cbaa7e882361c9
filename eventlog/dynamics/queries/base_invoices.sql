-- What all queries build on: tables for events and for what is left out, and every claim on a
-- customer (CustTrans) with its invoice journal, whether it becomes an invoice of the log or not.

CREATE TABLE event (
    activity VARCHAR, company VARCHAR, invoice_id BIGINT, customer VARCHAR,
    event_time TIMESTAMP, recorded_time TIMESTAMP,
    payment_amount DECIMAL(28, 4), due_date DATE, dunning_level BIGINT, dispute_reason VARCHAR,
    promised_date DATE, promised_amount DECIMAL(28, 4), credit_limit DECIMAL(28, 4),
    user_id VARCHAR
);
CREATE TABLE left_out (what VARCHAR, reason VARCHAR, n BIGINT);

-- When the system learned of something dated a day: only entering it on a later day is news.
CREATE MACRO recorded(created, day) AS
    CASE WHEN CAST(created AS DATE) > CAST(day AS DATE) THEN created END;
-- A day's event with the clock of its row, where the row was made on that day.
CREATE MACRO with_clock(created, day) AS
    CASE WHEN CAST(created AS DATE) = day THEN created ELSE CAST(day AS TIMESTAMP) END;
CREATE MACRO extracted_on() AS CAST(getvariable('extracted_at') AS DATE);

CREATE TABLE claim AS
SELECT
    t.DataAreaId AS company,
    t.RecId AS invoice_id,
    t.Invoice AS stated_number,
    t.AccountNum AS customer,
    t.CurrencyCode AS currency,
    t.AmountCur AS amount,
    j.InvoiceAmount AS journal_amount,
    coalesce(t.DueDate, j.DueDate) AS due_date,
    coalesce(j.InvoiceDate, t.TransDate) AS posted_on,
    coalesce(j.DocumentDate, j.InvoiceDate, t.TransDate) AS document_date,
    j.SalesId AS sales_order,
    j.DueDate - j.InvoiceDate AS terms_days,
    t.Closed AS closed_on,
    j.RecId IS NOT NULL AS has_journal,
    coalesce(j.CreatedDateTime, t.CreatedDateTime) AS created_at,
    coalesce(j.CreatedBy, t.CreatedBy) AS created_by,
    CASE
        WHEN t.Invoice IS NULL THEN 'without an invoice number'
        WHEN j.Proforma = 1 THEN 'pro forma'
        WHEN j.InterCompanyPosted = 1 THEN 'between own companies'
        WHEN j.Prepayment = 1 OR t.Prepayment = 1 THEN 'prepayment'
        WHEN coalesce(j.InvoiceDate, t.TransDate) > extracted_on()
            THEN 'dated after the extraction'
    END AS why_not
FROM CustTrans AS t
LEFT JOIN (
    SELECT * FROM CustInvoiceJour
    QUALIFY row_number() OVER (
        PARTITION BY DataAreaId, InvoiceId, LedgerVoucher, InvoiceAccount ORDER BY RecId
    ) = 1
) AS j
    ON j.DataAreaId = t.DataAreaId AND j.InvoiceId = t.Invoice
    AND j.LedgerVoucher = t.Voucher AND j.InvoiceAccount = t.AccountNum
WHERE t.AmountCur > 0 AND t.TransType IN getvariable('invoices');

-- The case of the log is (company, number): a number used again in its company gets its RecId.
CREATE TABLE invoice AS
SELECT
    * EXCLUDE (why_not),
    CASE
        WHEN row_number() OVER (PARTITION BY company, stated_number ORDER BY invoice_id) = 1
            THEN stated_number
        ELSE stated_number || ' / ' || invoice_id
    END AS number
FROM claim
WHERE why_not IS NULL;

INSERT INTO left_out
SELECT
    'Invoices (CustTrans)',
    why_not || ': ' || CAST(sum(amount) AS DECIMAL(28, 2)) || ' ' || currency || ' of ' || company,
    count(*)
FROM claim WHERE why_not IS NOT NULL GROUP BY company, currency, why_not;
INSERT INTO left_out
SELECT
    'Rows of CustInvoiceJour',
    CASE
        WHEN j.Proforma = 1 THEN 'pro forma'
        WHEN j.InterCompanyPosted = 1 THEN 'between own companies'
        WHEN j.Prepayment = 1 THEN 'prepayment'
        WHEN j.InvoiceAmount <= 0 THEN 'credit notes and invoices without an amount'
        ELSE 'no claim of the same number, voucher and customer in CustTrans'
    END,
    count(*)
FROM CustInvoiceJour AS j
ANTI JOIN claim AS c
    ON c.company = j.DataAreaId AND c.stated_number = j.InvoiceId
    AND c.customer = j.InvoiceAccount AND c.has_journal
GROUP BY ALL;
