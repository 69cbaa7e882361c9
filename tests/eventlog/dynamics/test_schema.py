from eventlog.dynamics.schema import TABLE_NAMED, TABLES


def test_names_are_unique():
    assert len(TABLE_NAMED) == len(TABLES)
    for table in TABLES:
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names), table.name


def test_marks_of_types_become_flags():
    by_name = {column.name: column for column in TABLE_NAMED["CustTrans"].columns}
    assert not by_name["AccountNum"].nullable
    assert by_name["AmountCur"].nullable
    assert by_name["RecId"].beyond
    assert not by_name["TransDate"].beyond
    assert {column.type for table in TABLES for column in table.columns} <= {
        "string",
        "integer",
        "bigInteger",
        "date",
        "datetime",
        "decimal",
    }


def test_tables_without_a_published_schema_are_wholly_beyond_it():
    for table in TABLES:
        if not table.schemas:
            assert all(column.beyond for column in table.columns), table.name
        else:
            assert not all(column.beyond for column in table.columns), table.name


def test_every_column_says_what_it_means():
    assert all(column.meaning for table in TABLES for column in table.columns)
