-- Unapplied Payment and Unapplied Credit: what of a payment or credit note had settled nothing when
-- the day of its posting ended. What was applied later does not change that.

INSERT INTO event BY NAME
SELECT
    CASE WHEN is_payment THEN 'Unapplied Payment' ELSE 'Unapplied Credit' END AS activity,
    company, customer,
    value_date AS event_time,
    recorded(created_at, value_date) AS recorded_time,
    left_over AS payment_amount,
    created_by AS user_id
FROM (
    SELECT
        t.DataAreaId AS company, t.AccountNum AS customer, t.TransDate AS value_date,
        t.CreatedDateTime AS created_at, t.CreatedBy AS created_by,
        t.TransType IN getvariable('payments') AS is_payment,
        -t.AmountCur + coalesce(sum(s.SettleAmountCur), 0) AS left_over
    FROM CustTrans AS t
    LEFT JOIN CustSettlement AS s
        ON s.DataAreaId = t.DataAreaId AND s.TransRecId = t.RecId
        AND s.TransDate <= greatest(t.TransDate, CAST(t.CreatedDateTime AS DATE))
    LEFT JOIN write_off_reason AS w
        ON w.company = t.DataAreaId AND w.reason_id = t.ReasonRefRecId
    ANTI JOIN recovery AS r ON r.company = t.DataAreaId AND r.payment_id = t.RecId
    WHERE t.AmountCur < 0
        AND (t.TransType IN getvariable('payments') OR t.TransType IN getvariable('credit_notes'))
        AND NOT (t.TransType = getvariable('general_journal') AND w.reason_id IS NOT NULL)
    GROUP BY t.DataAreaId, t.RecId, t.AccountNum, t.TransDate, t.CreatedDateTime, t.CreatedBy,
        t.TransType, t.AmountCur
)
WHERE left_over > 0;
