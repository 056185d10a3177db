"""All SQL: tables, queries, migrations, and the bytes of files. Queries never commit."""
