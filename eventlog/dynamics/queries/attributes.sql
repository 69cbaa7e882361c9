-- Every event as a row of the log: the attributes of its invoice and of its customer, as they are at
-- the export (name, segment, country and collector have no history in D365).

CREATE TABLE customer AS
SELECT
    c.DataAreaId AS company, c.AccountNum AS customer, d.Name AS name,
    coalesce(c.SegmentId, c.CustGroup) AS segment, c.Currency AS currency,
    a.CountryRegionId AS country, wd.Name AS collector
FROM CustTable AS c
LEFT JOIN DirPartyTable AS d ON d.RecId = c.Party
LEFT JOIN (
    SELECT Location, CountryRegionId FROM LogisticsPostalAddress
    QUALIFY row_number() OVER (
        PARTITION BY Location
        ORDER BY
            coalesce(ValidFrom <= getvariable('extracted_at'), TRUE)
            AND coalesce(ValidTo > getvariable('extracted_at'), TRUE) DESC,
            ValidFrom DESC NULLS LAST, RecId DESC
    ) = 1
) AS a ON a.Location = d.PrimaryAddressLocation
LEFT JOIN HcmWorker AS w ON w.RecId = c.MainContactWorker
LEFT JOIN DirPartyTable AS wd ON wd.RecId = w.Person
QUALIFY row_number() OVER (PARTITION BY c.DataAreaId, c.AccountNum ORDER BY c.RecId) = 1;

INSERT INTO left_out
SELECT activity, 'dated after the extraction', count(*)
FROM event WHERE CAST(event_time AS DATE) > extracted_on() GROUP BY ALL;

CREATE TABLE row_of_log AS
SELECT
    i.number AS InvoiceNumber,
    e.activity AS ActivityName,
    e.event_time AS EventTime,
    e.recorded_time AS RecordedTime,
    e.company AS CompanyCode,
    e.customer AS CustomerAccount,
    c.name AS CustomerName,
    c.segment AS CustomerSegment,
    c.country AS Country,
    coalesce(i.currency, c.currency) AS CurrencyCode,
    CASE
        WHEN e.activity IN (
            'Invoice Generated', 'Invoice Posted and Sent', 'Dunning Letter Generated',
            'Dispute Registered'
        ) THEN i.amount
    END AS InvoiceAmount,
    e.due_date AS PaymentDueDate,
    e.payment_amount AS PaymentAmount,
    e.dunning_level AS DunningLevel,
    e.dispute_reason AS DisputeReason,
    e.promised_date AS PromisedDate,
    e.promised_amount AS PromisedAmount,
    e.credit_limit AS CreditLimit,
    CASE
        WHEN e.activity IN (
            'Dunning Letter Generated', 'Overdue Reminder Sent', 'Collection Call Made',
            'Collection Activity Logged', 'Dispute Registered', 'Dispute Resolved',
            'Payment Promise Created', 'Sent to Agency'
        ) THEN c.collector
    END AS CollectorAssigned,
    e.user_id AS UserId,
    s.SalesOriginId AS SalesChannel,
    i.terms_days AS PaymentTermsDays
FROM event AS e
LEFT JOIN invoice AS i ON i.company = e.company AND i.invoice_id = e.invoice_id
LEFT JOIN customer AS c ON c.company = e.company AND c.customer = e.customer
LEFT JOIN (
    SELECT DataAreaId, SalesId, min(SalesOriginId) AS SalesOriginId FROM SalesTable GROUP BY ALL
) AS s ON s.DataAreaId = e.company AND s.SalesId = i.sales_order
WHERE CAST(e.event_time AS DATE) <= extracted_on();
