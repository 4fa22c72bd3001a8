"""Where what must outlive the service is kept: connections, tables, migrations, transactions in threads."""
