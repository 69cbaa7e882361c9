-- Payments with the journal lines they came from, and what each of them paid of each invoice.

-- Lines of customer payment journals that credit a customer.
CREATE TABLE payment_line AS
SELECT
    l.DataAreaId AS company,
    l.RecId AS line_id,
    l.Voucher AS voucher,
    l.CustAccount AS customer,
    coalesce(l.MarkedInvoice, l.Invoice) AS marked,
    l.TransDate AS value_date,
    l.AmountCurCredit AS amount,
    l.CurrencyCode AS currency,
    coalesce(h.Posted, 0) = 1 AS is_posted,
    CAST(h.PostedDateTime AS DATE) AS posted_on,
    l.CreatedDateTime AS created_at,
    l.CreatedBy AS created_by
FROM LedgerJournalTrans AS l
JOIN LedgerJournalTable AS h ON h.DataAreaId = l.DataAreaId AND h.JournalNum = l.JournalNum
WHERE h.JournalType = getvariable('payment_journal')
    AND l.AccountType = getvariable('customer_account')
    AND l.AmountCurCredit > 0;

CREATE TABLE payment AS
SELECT
    t.DataAreaId AS company,
    t.RecId AS payment_id,
    t.AccountNum AS customer,
    t.Voucher AS voucher,
    t.Invoice AS named_invoice,
    t.TransDate AS value_date,
    -t.AmountCur AS amount,
    t.CurrencyCode AS currency,
    t.PostingProfile AS posting_profile,
    coalesce(v.posted_on, t.TransDate) AS posted_on,
    t.CreatedDateTime AS created_at,
    t.CreatedBy AS created_by
FROM CustTrans AS t
LEFT JOIN (
    SELECT company, voucher, max(posted_on) AS posted_on FROM payment_line WHERE is_posted
    GROUP BY ALL
) AS v ON v.company = t.DataAreaId AND v.voucher = t.Voucher
WHERE t.TransType IN getvariable('payments') AND t.AmountCur < 0;

-- Payment by payment and day, what was applied to an invoice; the first day stands for the line
-- that marks the invoice, if there is one.
CREATE TABLE paid_on AS
SELECT
    a.company, a.invoice_id, a.other_id AS payment_id, a.settled_on, a.amount,
    a.created_at AS settled_created_at,
    p.customer, p.voucher, p.posted_on, p.created_by AS payment_created_by,
    row_number() OVER (
        PARTITION BY a.company, a.invoice_id, a.other_id ORDER BY a.settled_on
    ) = 1 AS is_first
FROM applied_on AS a
JOIN payment AS p ON p.company = a.company AND p.payment_id = a.other_id
WHERE a.kind = 'payment' AND a.amount > 0;

-- The line by which a payment came in for an invoice: one that marks it. Failing that, where the
-- payment was applied on the day of its posting, a line of its voucher that names no invoice of the
-- log, as lines do that mark several ("*") or none; that it was for this invoice is known only once
-- it is applied.
CREATE TABLE marking_line AS
SELECT
    p.company, p.invoice_id, p.payment_id, l.value_date, l.created_by,
    CASE WHEN l.marked = i.stated_number THEN l.created_at
        ELSE greatest(l.created_at, p.settled_created_at)
    END AS created_at
FROM paid_on AS p
JOIN invoice AS i ON i.company = p.company AND i.invoice_id = p.invoice_id
JOIN payment_line AS l
    ON l.company = p.company AND l.voucher = p.voucher
    AND coalesce(l.customer, p.customer) = p.customer
LEFT JOIN (SELECT DISTINCT company, stated_number FROM invoice) AS n
    ON n.company = l.company AND n.stated_number = l.marked
WHERE p.is_first
    AND (
        l.marked = i.stated_number
        OR (n.stated_number IS NULL AND p.settled_on <= p.posted_on)
    )
QUALIFY row_number() OVER (
    PARTITION BY p.company, p.invoice_id, p.payment_id
    ORDER BY coalesce(l.marked = i.stated_number, FALSE) DESC, l.value_date, l.line_id
) = 1;

-- Lines of journals that are not posted, for the invoice that each marks.
CREATE TABLE unposted AS
SELECT
    l.company, i.invoice_id, l.line_id, l.value_date, l.amount, l.created_at, l.created_by,
    l.currency
FROM payment_line AS l
LEFT JOIN invoice AS i
    ON i.company = l.company AND i.stated_number = l.marked
    AND i.customer = coalesce(l.customer, i.customer) AND i.currency = l.currency
WHERE NOT l.is_posted
    AND l.value_date <= extracted_on()
    AND NOT EXISTS (
        SELECT 1 FROM payment AS p
        WHERE p.company = l.company AND p.voucher = l.voucher
            AND p.customer = coalesce(l.customer, p.customer)
    )
QUALIFY row_number() OVER (PARTITION BY l.company, l.line_id ORDER BY i.invoice_id) = 1;

-- Money on a recovery profile for an invoice that was given up before (at least half of it).
CREATE TABLE recovery AS
SELECT p.company, p.payment_id, i.invoice_id, p.value_date, p.amount, p.created_at, p.created_by
FROM payment AS p
JOIN invoice AS i
    ON i.company = p.company AND i.stated_number = p.named_invoice AND i.customer = p.customer
JOIN (
    SELECT company, invoice_id,
        sum(amount) FILTER (WHERE kind = 'write-off') AS written_off,
        sum(amount) FILTER (WHERE kind <> 'write-off') AS otherwise
    FROM applied_on GROUP BY ALL
) AS a ON a.company = i.company AND a.invoice_id = i.invoice_id
WHERE p.posting_profile IN getvariable('recovery_profiles')
    AND 2 * a.written_off >= i.amount - coalesce(a.otherwise, 0)
    AND NOT EXISTS (
        SELECT 1 FROM CustSettlement AS s
        WHERE s.DataAreaId = p.company AND s.TransRecId = p.payment_id AND s.SettleAmountCur <> 0
    )
QUALIFY row_number() OVER (PARTITION BY p.company, p.payment_id ORDER BY i.invoice_id) = 1;
