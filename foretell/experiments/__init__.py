"""What the laboratory's own training runs show: recorded tables in, tables, findings and figures out."""
